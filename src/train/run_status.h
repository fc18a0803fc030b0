#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "train/evaluate.h"
#include "train/time_left.h"
#include "train/train_step.h"

namespace mosaic {

/// status.txt in the log folder: what the run is doing, how far it is, how long it will still take, for `watch cat`. Written anew at
/// most every five seconds, and at the begin and end of evaluations; not synced: after a crash it is of no use.
class RunStatus {
 public:
  /// @param log_folder  "" on ranks that write none: nothing happens there
  RunStatus(const Run& run, const std::string& log_folder);

  /// @param seconds  from the end of the step before to that of this one, without evaluations
  void after_step(const StepResult& step, double seconds);
  void before_evaluation();
  void after_evaluation(const EvalResult& result, double seconds);
  /// @param what  "done"
  void end(const std::string& what);

  /// "1:05:00 of the run left"; "" before the first step.
  std::string left() const;

 private:
  void write(const std::string& doing, bool at_once);
  std::string text(const std::string& doing) const;

  const Run& run_;
  std::string path_;
  TimeLeft time_left_;
  std::optional<double> loss_;
  std::string last_evaluation_;
  std::optional<std::chrono::steady_clock::time_point> written_;
  bool failed_ = false;  // then it was said, once
};

}  // namespace mosaic
