#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mosaic {

/// How far a command is, on standard error: on a terminal one line, drawn at the first update and then again and again, with a
/// bar, the rate and the time left; else a log line about every tenth of the way, and at most one a second.
class ProgressLine {
 public:
  /// @param what   "train"
  /// @param done   already done at the start: neither shown as progress of this run nor counted in its rate
  ProgressLine(std::string what, std::int64_t total, std::int64_t done = 0);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// @param note  what else to show: "3 bad"; may be empty
  void update(std::int64_t done, const std::string& note = "");

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::int64_t total_, done_at_start_;
  bool terminal_;
  Clock::time_point start_ = Clock::now(), drawn_ = start_;
  bool drawn_once_ = false;
  std::int64_t tenth_;  // of the last log line
};

}  // namespace mosaic
