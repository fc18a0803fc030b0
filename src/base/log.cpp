#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "base/error.h"

namespace mosaic {
namespace {

struct Log {
  std::mutex mutex;
  std::string prefix;
  bool first_rank = true;
  std::function<void()> before;
  spdlog::logger logger{"mosaic", std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  Log() { logger.set_pattern("%Y-%m-%d %H:%M:%S %v"); }
};

Log& log() {
  static Log the_log;
  return the_log;
}

void write(spdlog::level::level_enum level, const char* word, const std::string& line) {
  Log& out = log();
  const std::lock_guard lock(out.mutex);
  if (!out.logger.should_log(level)) return;
  if (out.before) out.before();
  out.logger.log(level, "{}{}{}", word, out.prefix, line);
}

}  // namespace

void start_log(int rank, int ranks, LogLevel least) {
  Log& out = log();
  const std::lock_guard lock(out.mutex);
  const spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                              spdlog::level::err};
  const auto wanted = levels[static_cast<int>(least)];
  out.logger.set_level(rank == 0 ? wanted : std::max(wanted, spdlog::level::warn));
  out.first_rank = rank == 0;
  out.prefix = rank == 0 ? "" : str("rank ", rank, " of ", ranks, ": ");
}

void log_debug(const std::string& line) { write(spdlog::level::debug, "", line); }
void log_info(const std::string& line) { write(spdlog::level::info, "", line); }
void log_warning(const std::string& line) { write(spdlog::level::warn, "warning: ", line); }
void log_warning_of_all(const std::string& line) {
  if (log().first_rank) log_warning(line);
}
void log_error(const std::string& line) { write(spdlog::level::err, "error: ", line); }

void set_before_log(std::function<void()> hook) {
  const std::lock_guard lock(log().mutex);
  log().before = std::move(hook);
}

}  // namespace mosaic
