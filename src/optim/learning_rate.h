#pragma once

#include <cstdint>

#include "config/config.h"

namespace mosaic {

/// A duration in batches: epochs times `batches_per_epoch`, or that share of `total_batches`, cut to a whole number.
std::int64_t in_batches(const Duration& duration, std::int64_t batches_per_epoch, std::int64_t total_batches);

/// Cosine decay after a linear warm-up, by batches.
/// Source: Loshchilov and Hutter, SGDR, ICLR 2017, arXiv:1608.03983, section 3, without restarts.
struct LearningRateSchedule {
  double peak = 0;
  std::int64_t warmup = 0;  // batches
  std::int64_t total = 0;   // batches
  double alpha_f = 0;       // final / peak

  /// Share of the peak after `batches` batches.
  double alpha(std::int64_t batches) const;

  /// What the step with 0-based number `step` uses. It lags one batch behind: steps 0 and 1 both have that of batch 0, which
  /// is 0 if there is a warm-up (recipes section 5.2: the reference sets it before it counts the batch).
  double at_step(std::int64_t step) const { return peak * alpha(step > 0 ? step - 1 : 0); }
};

LearningRateSchedule make_schedule(const OptimizerConfig& optimizer, const SchedulerConfig& scheduler,
                                   std::int64_t batches_per_epoch, std::int64_t total_batches);

}  // namespace mosaic
