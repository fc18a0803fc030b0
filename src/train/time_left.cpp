#include "train/time_left.h"

#include <algorithm>
#include <numeric>

#include "plan/run_shape.h"

namespace mosaic {

void TimeLeft::add_step(double seconds) {
  steps_.push_back(seconds);
  if (steps_.size() > kWindow) steps_.pop_front();
}

std::optional<TimeLeft::Estimate> TimeLeft::of(const Run& run) const {
  if (steps_.empty()) return std::nullopt;
  Estimate left;
  left.step = std::accumulate(steps_.begin(), steps_.end(), 0.0) / static_cast<double>(steps_.size());
  const std::int64_t batches = std::max<std::int64_t>(run.total_batches - run.now.batch, 0);
  left.evaluations = evaluations_left(run.config.eval_interval, run.now, run.batches_per_epoch, run.total_batches);
  left.evaluations_known = evaluation_ || left.evaluations == 0;
  left.epoch = left.step * static_cast<double>(std::min(batches, run.batches_per_epoch - run.now.batch_in_epoch));
  left.run = left.step * static_cast<double>(batches) + evaluation_.value_or(0) * static_cast<double>(left.evaluations);
  return left;
}

}  // namespace mosaic
