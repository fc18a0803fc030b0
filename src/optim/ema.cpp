#include "optim/ema.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cassert>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "optim/flat_walk.h"

namespace mosaic {
namespace {

std::vector<at::Tensor> detached(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& t : tensors) all.push_back(t.detach());
  return all;
}

bool reached(const Duration& start, const Progress& now, double elapsed) {
  switch (start.unit) {
    case TimeUnit::kDuration:
      return elapsed >= start.value;
    case TimeUnit::kBatch:
      return static_cast<double>(now.batch) >= start.value;
    case TimeUnit::kEpoch:
      return static_cast<double>(now.epoch) >= start.value;
    case TimeUnit::kSample:
    case TimeUnit::kToken:
      break;
  }
  throw Error(str("ema.ema_start: got ", start.text(), ", expected a time in ep, ba or dur"));
}

/// averages <- averages s + weights (1 - s): two products and a sum, each rounded; a fused multiply-add would give
/// other bits than the reference. In one pass over memory where it can be, else operator by operator, which defines it.
void average(const std::vector<at::Tensor>& averages, const std::vector<at::Tensor>& weights, double smoothing) {
  struct Pointers {
    float* average;
    const float* weight;
  };
  std::vector<Pointers> all;
  FlatWalk walk;
  std::vector<at::Tensor> other_averages, other_weights;
  for (std::size_t i = 0; i < averages.size(); ++i) {
    if (averages[i].is_cpu() && side_by_side(averages[i], weights[i])) {
      all.push_back({averages[i].mutable_data_ptr<float>(), weights[i].const_data_ptr<float>()});
      walk.add(averages[i].numel());
    } else {
      other_averages.push_back(averages[i]);
      other_weights.push_back(weights[i]);
    }
  }
  const auto old_part = static_cast<float>(smoothing), new_part = static_cast<float>(1 - smoothing);
  walk.for_ranges([&](std::size_t i, std::int64_t begin, std::int64_t end) {
    float* __restrict a = all[i].average;
    const float* __restrict w = all[i].weight;
    for (std::int64_t k = begin; k < end; ++k) a[k] = a[k] * old_part + w[k] * new_part;
  });
  if (other_averages.empty()) return;
  const auto new_parts = at::_foreach_mul(other_weights, 1 - smoothing);
  at::_foreach_mul_(other_averages, smoothing);
  at::_foreach_add_(other_averages, new_parts);
}

/// The counter goes the way of the tensors: averaged in their type, then cut.
template <class Real>
std::int64_t averaged(std::int64_t average, std::int64_t now, double smoothing) {
  const Real old_part = static_cast<Real>(average) * static_cast<Real>(smoothing);
  const Real new_part = static_cast<Real>(now) * static_cast<Real>(1 - smoothing);
  return static_cast<std::int64_t>(old_part + new_part);
}

}  // namespace

double ema_smoothing(const EmaConfig& config) {
  const Duration& interval = config.update_interval;
  if ((interval.unit != TimeUnit::kBatch && interval.unit != TimeUnit::kEpoch) || interval.value < 1)
    throw Error(str("ema.update_interval: got ", interval.text(), ", expected a time in ba or ep, at least 1"));
  if (config.half_life.has_value() == config.smoothing.has_value())
    throw Error(str("ema: got ", config.smoothing ? "both half_life and smoothing" : "neither half_life nor smoothing",
                    ", expected one of the two"));
  if (config.smoothing) return *config.smoothing;
  if (config.half_life->unit != interval.unit || config.half_life->value < 1)
    throw Error(str("ema.half_life: got ", config.half_life->text(),
                    ", expected a time of at least 1 in the unit of "
                    "update_interval, which is ",
                    interval.text()));
  return std::pow(2.0, -interval.value / config.half_life->value);
}

Ema::Ema(const EmaConfig& config, std::vector<at::Tensor> tracked, std::int64_t batches_tracked)
    : config_(config),
      smoothing_(ema_smoothing(config)),
      tracked_(detached(tracked)),
      batches_tracked_(batches_tracked) {
  for (const at::Tensor& t : tracked_) averages_.push_back(t.clone());
}

void Ema::after_batch(const Progress& now, double elapsed, std::int64_t batches_tracked) {
  if (due_after_batch(now, elapsed)) start_or_update(now.batch, batches_tracked);
}

void Ema::after_epoch(const Progress& now, double elapsed, std::int64_t batches_tracked) {
  if (config_.update_interval.unit == TimeUnit::kEpoch && due(now, elapsed, now.epoch))
    start_or_update(now.epoch, batches_tracked);
}

bool Ema::due_after_batch(const Progress& now, double elapsed) const {
  return config_.update_interval.unit == TimeUnit::kBatch && due(now, elapsed, now.batch);
}

bool Ema::due(const Progress& now, double elapsed, std::int64_t count) const {
  return started_ ? updates_at(count) : reached(config_.ema_start, now, elapsed);
}

void Ema::start_or_update(std::int64_t count, std::int64_t batches_tracked) {
  assert(!swapped_);
  if (!started_) {
    at::_foreach_copy_(averages_, tracked_);
    batches_tracked_ = batches_tracked;
    started_ = true;
  }
  // Due at the moment of the start, too: then it averages the weights with themselves, as the reference does, which may
  // change their last bit.
  if (!updates_at(count)) return;
  average(averages_, tracked_, smoothing_);
  batches_tracked_ = !tracked_.empty() && tracked_.front().scalar_type() == at::kDouble
                         ? averaged<double>(batches_tracked_, batches_tracked, smoothing_)
                         : averaged<float>(batches_tracked_, batches_tracked, smoothing_);
}

std::int64_t Ema::swap(std::int64_t batches_tracked) {
  assert(started_);
  for (std::size_t i = 0; i < tracked_.size(); ++i) {  // one by one: one tensor more in memory, not one net
    const at::Tensor kept = tracked_[i].clone();
    tracked_[i].copy_(averages_[i]);
    averages_[i].copy_(kept);
  }
  swapped_ = !swapped_;
  return std::exchange(batches_tracked_, batches_tracked);
}

void Ema::set_state(bool started, const std::vector<at::Tensor>& averages, std::int64_t batches_tracked) {
  assert(averages.size() == averages_.size() && !swapped_);
  for (std::size_t i = 0; i < averages_.size(); ++i) averages_[i].copy_(averages[i]);
  started_ = started;
  batches_tracked_ = batches_tracked;
}

}  // namespace mosaic
