#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "report/run_log.h"

namespace mosaic {

/// Batches and samples per second over the last 50 batches, by training time alone (recipes section 7.7, SpeedMonitor).
class Throughput {
 public:
  /// Call after each batch. @param samples, seconds  since the start of the run
  void add(std::int64_t samples, double seconds);
  /// "throughput/batches_per_sec", "throughput/samples_per_sec" and the same per device; empty for the first 50 batches.
  Metrics metrics(int ranks) const;

 private:
  static constexpr std::size_t kWindow = 50;
  std::deque<std::pair<std::int64_t, double>> points_;
};

}  // namespace mosaic
