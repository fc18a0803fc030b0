#include "train/throughput.h"

namespace mosaic {

void Throughput::add(std::int64_t samples, double seconds) {
  points_.emplace_back(samples, seconds);
  if (points_.size() > kWindow + 1) points_.pop_front();
}

Metrics Throughput::metrics(int ranks) const {
  if (points_.size() < kWindow + 1) return {};
  const double seconds = points_.back().second - points_.front().second;
  if (seconds <= 0) return {};
  const double batches = static_cast<double>(kWindow) / seconds;
  const double samples = static_cast<double>(points_.back().first - points_.front().first) / seconds;
  return {{"throughput/batches_per_sec", batches},
          {"throughput/samples_per_sec", samples},
          {"throughput/device/batches_per_sec", batches / ranks},
          {"throughput/device/samples_per_sec", samples / ranks}};
}

}  // namespace mosaic
