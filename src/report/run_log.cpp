#include "report/run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace mosaic {

namespace fs = std::filesystem;

namespace {

/// A file that grows line by line. What cannot be written now (a full disk) is kept and tried again with the next line, so that the file
/// has whole lines only, and all of them once there is room.
class LineFile {
 public:
  explicit LineFile(std::string path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
    if (file_.get() < 0) throw_system_error(path_, "open for writing");
  }
  ~LineFile() {
    if (!pending_.empty()) log_warning(str(path_, ": the last ", pending_.size(), " bytes could not be written"));
  }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void add(const std::string& line) {
    pending_ += line;
    while (!pending_.empty()) {
      const ssize_t written = ::write(file_.get(), pending_.data(), pending_.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return keep_for_later();
      pending_.erase(0, static_cast<std::size_t>(written));
    }
    if (failing_) log_info(path_ + ": written again, nothing is missing");
    failing_ = false;
  }

 private:
  void keep_for_later() {
    if (!failing_)
      log_warning(str(path_, ": cannot write: ", std::strerror(errno),
                      "; training goes on, and what is missing is written as soon as that is possible"));
    failing_ = true;
    if (pending_.size() <= kMostPending) return;
    log_warning(str(path_, ": ", pending_.size(), " bytes that could not be written are given up"));
    pending_.clear();
  }

  static constexpr std::size_t kMostPending = 64 << 20;  // bytes; a day of training has fewer
  std::string path_;
  FileDescriptor file_;
  std::string pending_;
  bool failing_ = false;
};

/// Lines of `text` up to batch `last`; a line that a crash has cut short is dropped.
std::string lines_up_to(const std::string& text, std::int64_t last) {
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto line = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (line.is_object() && line.value("batch", std::int64_t{-1}) <= last) kept += text.substr(begin, end + 1 - begin);
    begin = end + 1;
  }
  return kept;
}

/// FOLDER/NAME.jsonl of an earlier run: see RunLog.
void make_room(const std::string& folder, const std::string& name, std::int64_t first_batch) {
  const std::string path = str(folder, "/", name, ".jsonl");
  if (!fs::exists(path)) return;
  if (first_batch > 0) {
    const auto bytes = read_file(path);
    write_file_atomically(path, lines_up_to({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, first_batch));
    return;
  }
  for (int n = 1;; ++n) {
    const std::string older = str(folder, "/", name, "-", n, ".jsonl");
    if (fs::exists(older)) continue;
    fs::rename(path, older);
    return;
  }
}

/// Seconds since 1970, to the millisecond.
double now() {
  return std::round(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() * 1000) /
         1000;
}

}  // namespace

struct RunLog::State {
  LineFile metrics, ranks;
};

RunLog::RunLog(std::string folder, const std::string& config_yaml, std::int64_t first_batch)
    : folder_(std::move(folder)) {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (!fs::is_directory(folder_)) {
    const std::string reason = fs::exists(folder_) ? "a file with that name is there" : failure.message();
    throw Error(str("log_folder: cannot make the folder ", folder_, ": ", reason));
  }
  write_file_atomically(folder_ + "/config.yaml", config_yaml);
  for (const char* name : {"metrics", "ranks"}) make_room(folder_, name, first_batch);
  state_.reset(new State{.metrics = LineFile(folder_ + "/metrics.jsonl"), .ranks = LineFile(folder_ + "/ranks.jsonl")});
}

RunLog::~RunLog() = default;

void RunLog::write(std::int64_t batch, const Metrics& metrics) {
  nlohmann::ordered_json line = {{"batch", batch}, {"time", now()}};
  for (const auto& [name, value] : metrics) {
    if (std::isfinite(value))
      line[name] = value;
    else
      line[name] = nullptr;
  }
  state_->metrics.add(line.dump() + "\n");
}

void RunLog::write_ranks(std::int64_t batch, const std::vector<std::pair<std::string, std::vector<double>>>& numbers) {
  nlohmann::ordered_json line = {{"batch", batch}, {"time", now()}};
  for (const auto& [name, values] : numbers) {
    auto& list = line[name] = nlohmann::ordered_json::array();
    for (const double value : values) list.push_back(std::round(value * 1e6) / 1e6);
  }
  state_->ranks.add(line.dump() + "\n");
}

void RunLog::write_summary(const std::string& json) {
  try {
    write_file_atomically(folder_ + "/summary.json", json + "\n");
  } catch (const Error& e) {  // the run is over and its weights are saved: this is no reason to fail
    log_warning(str(e.what(), "; the summary is\n", json));
  }
}

}  // namespace mosaic
