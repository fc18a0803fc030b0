#include "optim/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace mosaic {

std::int64_t in_batches(const Duration& duration, std::int64_t batches_per_epoch, std::int64_t total_batches) {
  switch (duration.unit) {
    case TimeUnit::kEpoch:
      return static_cast<std::int64_t>(duration.value) * batches_per_epoch;
    case TimeUnit::kBatch:
      return static_cast<std::int64_t>(duration.value);
    case TimeUnit::kDuration:
      return static_cast<std::int64_t>(duration.value * static_cast<double>(total_batches));
    case TimeUnit::kSample:
    case TimeUnit::kToken:
      break;
  }
  throw Error(str("got the duration ", duration.text(), ", expected one in ep, ba or dur"));
}

double LearningRateSchedule::alpha(std::int64_t batches) const {
  if (batches < warmup) return std::min(1.0, static_cast<double>(batches) / static_cast<double>(warmup));
  const double after =
      total <= warmup ? 0 : std::min(1.0, static_cast<double>(batches - warmup) / static_cast<double>(total - warmup));
  return alpha_f + (1 - alpha_f) * 0.5 * (1 + std::cos(std::numbers::pi * after));
}

LearningRateSchedule make_schedule(const OptimizerConfig& optimizer, const SchedulerConfig& scheduler,
                                   std::int64_t batches_per_epoch, std::int64_t total_batches) {
  return {.peak = optimizer.lr,
          .warmup = in_batches(scheduler.t_warmup, batches_per_epoch, total_batches),
          .total = total_batches,
          .alpha_f = scheduler.alpha_f};
}

}  // namespace mosaic
