#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace mosaic {

/// One line on standard error that says how far an epoch or an evaluation has come: redrawn in place on a terminal;
/// elsewhere, so that log files stay readable, a line of its own at about every tenth of the way, without carriage returns.
/// Not thread-safe, but safe with the log: a log line first clears the bar.
class ProgressBar {
 public:
  /// @param label    "train          Epoch   0:"
  /// @param total    batches
  /// @param done     batches that were done before (a run that continues)
  /// @param enabled  false: silent
  ProgressBar(std::string label, std::int64_t total, std::int64_t done, bool enabled);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// @param note  makes what is shown behind the rate, "loss/train/total=2.3026"; called only where the line is drawn
  void update(std::int64_t done, const std::function<std::string()>& note);

  /// The line as it would be drawn after `elapsed` seconds.
  static std::string line(const std::string& label, std::int64_t done, std::int64_t total, std::int64_t first,
                          double elapsed, const std::string& note);

 private:
  std::string label_;
  std::int64_t total_, first_;
  bool enabled_, terminal_;
  int decile_ = 0;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

/// "1:02:03" or "02:03".
std::string clock_time(double seconds);

}  // namespace mosaic
