#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "config/recipe.h"

namespace mosaic {

/// An exponential moving average of a net's weights and batch-norm statistics, which is what is evaluated and published.
/// Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control Optim. 30 (4), 1992;
/// as an exponential average of weights: Szegedy et al., arXiv:1512.00567, section 8. Differs: updated only every
/// `update_interval`, with a smoothing that gives the half-life asked for; statistics are averaged too. Recipes section 6.4.
///
/// At the first end of a batch (of an epoch, where the interval is in ep) at which `ema_start` has been reached, the average
/// becomes the weights as they are. From that moment on, every `update_interval`: average <- average s + weights (1 - s), in the
/// weights' type.
class Ema {
 public:
  /// @param tracked  parameters and floating buffers, on the device, of the type and in the layout that they stay in; read at
  ///                 updates, written by `swap`
  /// @param batches_tracked  batch norm's counter, averaged as the reference does: cut to a whole number at every update
  Ema(const EmaConfig& config, std::vector<at::Tensor> tracked, std::int64_t batches_tracked);

  /// Call at the end of each batch, after the optimizer's step and before anything is evaluated or saved.
  /// @param now  with this batch counted; the epoch it may have ended is not
  /// @param elapsed  share of the run that is done, in [0, 1]
  void after_batch(const Progress& now, double elapsed, std::int64_t batches_tracked);
  /// Whether `after_batch` would do anything.
  bool due_after_batch(const Progress& now, double elapsed) const;

  /// Call at the end of each epoch, before it is evaluated or saved.
  /// @param now  with this epoch counted
  void after_epoch(const Progress& now, double elapsed, std::int64_t batches_tracked);

  /// Exchange the values of the net's tensors with the averages, in place: views, gradients and momentum stay what they are.
  /// Call twice to be back where you were. Only when `started()`; no update may come in between.
  /// @return the counter that belongs to what the net holds now, for the one given
  [[nodiscard]] std::int64_t swap(std::int64_t batches_tracked);

  bool started() const { return started_; }
  /// Between the two calls of `swap`: the net holds the averages, this object the training weights.
  bool swapped() const { return swapped_; }

  /// What a checkpoint holds beside `started()`: in the order of `tracked`. Save and restore while not swapped.
  const std::vector<at::Tensor>& averages() const { return averages_; }
  std::int64_t batches_tracked() const { return batches_tracked_; }
  /// @param averages  of the shapes of `tracked`, any device and layout; copied
  void set_state(bool started, const std::vector<at::Tensor>& averages, std::int64_t batches_tracked);

 private:
  bool due(const Progress& now, double elapsed, std::int64_t count) const;
  void start_or_update(std::int64_t count, std::int64_t batches_tracked);
  bool updates_at(std::int64_t count) const {
    return count % static_cast<std::int64_t>(config_.update_interval.value) == 0;
  }

  EmaConfig config_;
  double smoothing_;
  std::vector<at::Tensor> tracked_, averages_;
  std::int64_t batches_tracked_;
  bool started_ = false;
  bool swapped_ = false;
};

/// Weight of the old average at an update: `smoothing`, or 2^(-update_interval / half_life).
/// @throws Error if both or neither of the two are given, or half-life and interval differ in unit
double ema_smoothing(const EmaConfig& config);

}  // namespace mosaic
