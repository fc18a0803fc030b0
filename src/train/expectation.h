#pragma once

#include <cstdint>
#include <optional>

#include "train/run.h"

namespace mosaic {

/// What the host takes for granted while only the device knows whether a step counts: that it does. Keeps what is needed to
/// put the host's part of the run right where it does not; the device's part never went wrong (Run::proceed).
class Expectation {
 public:
  /// Before the step.
  explicit Expectation(Run& run);
  /// When all of the step is launched: the gradients' scale is updated as if they were finite.
  void begin();

  /// The step did not count. As of its end; what was launched behind it is to be taken back.
  /// @param keep_statistics  of its batch: those of batch norm count
  void disappoint(bool keep_statistics) const;
  /// The step is not to be, since the one before it did not count.
  void take_back() const;

 private:
  void forget_batches() const;

  Run& run_;
  std::int64_t tracked_;  // BatchNorm::batches_tracked: before the step, then what it has added
  bool had_momentum_;
  std::optional<GradientScaler::State> scaler_before_;
};

}  // namespace mosaic
