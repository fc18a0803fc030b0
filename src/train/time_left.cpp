#include "train/time_left.h"

#include <algorithm>
#include <numeric>

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

std::int64_t evaluations_left(const Duration& interval, const Progress& now, std::int64_t batches_per_epoch,
                              std::int64_t total_batches) {
  if (now.batch >= total_batches) return 0;
  const bool in_epochs = interval.unit == TimeUnit::kEpoch;
  const std::int64_t every = static_cast<std::int64_t>(interval.value) * (in_epochs ? batches_per_epoch : 1);
  // A run that goes on at the last batch of an epoch has that epoch's end before it.
  const std::int64_t done = in_epochs ? now.epoch * batches_per_epoch : now.batch;
  const std::int64_t at_multiples = total_batches / every - done / every;
  return at_multiples + (total_batches % every == 0 ? 0 : 1);
}

}  // namespace mosaic
