#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "train/run.h"

namespace mosaic {

/// How long a run still takes if it goes on as in its last 50 steps and its last evaluation. What a step costs may change on the way
/// (progressive resizing): then so does the answer.
class TimeLeft {
 public:
  /// @param seconds  from one step to the next, without evaluations
  void add_step(double seconds);
  void add_evaluation(double seconds) { evaluation_ = seconds; }

  struct Estimate {
    double step = 0;                // seconds, mean
    double epoch = 0;               // until its last batch
    double run = 0;                 // with the evaluations that are left
    std::int64_t evaluations = 0;   // that are left
    bool evaluations_known = true;  // what one takes; false before the first
  };
  /// Nothing before the first step.
  std::optional<Estimate> of(const Run& run) const;

 private:
  static constexpr std::size_t kWindow = 50;
  std::deque<double> steps_;
  std::optional<double> evaluation_;
};

}  // namespace mosaic
