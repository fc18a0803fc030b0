#include "train/run_status.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace mosaic {
namespace {

constexpr auto kEvery = std::chrono::seconds(5);

/// "2026-11-28 18:10:00"
std::string clock_of(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", ::localtime_r(&seconds, &parts));
  return text;
}

std::string plural(std::int64_t n, const std::string& what) {
  return str(with_separators(n), ' ', what, n == 1 ? "" : "s");
}

}  // namespace

RunStatus::RunStatus(const Run& run, const std::string& log_folder)
    : run_(run), path_(log_folder.empty() ? "" : log_folder + "/status.txt") {}

void RunStatus::after_step(const StepResult& step, double seconds) {
  if (path_.empty()) return;
  time_left_.add_step(seconds);
  loss_ = step.loss;
  write("training", false);
}

void RunStatus::before_evaluation() { write("evaluating", true); }

void RunStatus::after_evaluation(const EvalResult& result, double seconds) {
  time_left_.add_evaluation(seconds);
  last_evaluation_ =
      str("top-1 ", decimals(100 * result.accuracy, 2), " %, cross entropy ", decimals(result.cross_entropy, 4),
          " after ", plural(run_.now.epoch, "epoch"), ", ", with_separators(run_.now.batch), " batches");
  write("training", true);
}

void RunStatus::end(const std::string& what) { write(what, true); }

std::string RunStatus::left() const {
  const auto left = time_left_.of(run_);
  return left ? seconds_text(left->run) + " of the run left" : "";
}

void RunStatus::write(const std::string& doing, bool at_once) {
  if (path_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!at_once && written_ && now - *written_ < kEvery) return;
  written_ = now;
  try {
    replace_file(path_, text(doing));
    failed_ = false;
  } catch (const Error& e) {
    if (!failed_) log_warning(str(e.what(), "; the run goes on without"));
    failed_ = true;
  }
}

std::string RunStatus::text(const std::string& doing) const {
  const Progress& now = run_.now;
  const double share =
      run_.total_batches > 0 ? 100.0 * static_cast<double>(now.batch) / static_cast<double>(run_.total_batches) : 0;
  std::string lines = str(run_.config.run_name, ": ", doing, "\n");
  if (run_.config.is_train)
    lines += str("batch ", with_separators(now.batch), " of ", with_separators(run_.total_batches), " (",
                 decimals(share, 1), " %), epoch ", now.epoch, ", batch ", with_separators(now.batch_in_epoch), " of ",
                 with_separators(run_.batches_per_epoch), " in it\n");
  const auto left = time_left_.of(run_);
  if (left && loss_)
    lines += str(decimals(static_cast<double>(run_.config.train_dataset.batch_size) / left->step, 0),
                 " images/s, loss ", decimals(*loss_, 4), "\n");
  if (!last_evaluation_.empty()) lines += "last evaluation: " + last_evaluation_ + "\n";
  if (left && left->run > 0) {
    const auto end = std::chrono::system_clock::now() + std::chrono::seconds(static_cast<std::int64_t>(left->run));
    lines += str("left at this pace: ", seconds_text(left->epoch), " of the epoch, ", seconds_text(left->run),
                 " of the run");
    if (left->evaluations > 0)
      lines += str(left->evaluations_known ? " with " : " without ", plural(left->evaluations, "evaluation"));
    lines += str(": until ", clock_of(end), "\n");
  }
  return lines + "as of " + clock_of(std::chrono::system_clock::now()) + "\n";
}

}  // namespace mosaic
