#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "train/step_seconds.h"

namespace mosaic {

/// Sums the steps of this rank up to windows of so many that one slow step does not matter.
class StepClock {
 public:
  static constexpr std::int64_t kWindow = 50;  // steps

  /// @return the mean step of the window that this step has filled
  std::optional<StepSeconds> add(const StepSeconds& step);

 private:
  StepSeconds sum_;
  std::int64_t steps_ = 0;
};

/// Middle of the ranks' own times; of an even number the mean of the two in the middle.
double median_own(const std::vector<StepSeconds>& ranks);

/// Ranks whose own time is more than 1.3 times the median, a sentence each: "rank 3 of 8 (node17) holds up the others: a step takes it
/// 0.412 s (0.300 s of them waiting for data), the median is 0.291 s".
/// @param ranks  mean step of each; hosts of each
std::vector<std::string> slow_ranks(const std::vector<StepSeconds>& ranks, const std::vector<std::string>& hosts);

}  // namespace mosaic
