#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace mosaic {

/// Keeps small gradients from vanishing in float16: the loss is multiplied by a scale that grows until gradients overflow,
/// and shrinks when they do.
/// Source: Micikevicius et al., Mixed Precision Training, ICLR 2018, arXiv:1710.03740, section 3.2; constants of recipes
/// section 7.4. For bfloat16 it is not needed.
/// For each backward pass: `loss * scale()`, then `unscale`, then agree with the other ranks whether all were finite. Once a
/// step: skip the optimizer if the last pass was not, and `update` in either case.
class GradientScaler {
 public:
  static constexpr double kInitialScale = 65536;
  static constexpr double kGrowth = 2;
  static constexpr double kBackoff = 0.5;
  static constexpr std::int64_t kGrowthInterval = 2000;  // finite steps in a row

  double scale() const { return scale_; }

  /// Divide by the scale in place.
  /// @param gradients  of all parameters, flat, float32
  /// @return whether all of them were finite on this rank: bool scalar on their device, which nothing waits for
  at::Tensor unscale(const at::Tensor& gradients) const;

  /// @param finite  of the step's last pass, on all ranks
  void update(bool finite);

  /// What a checkpoint holds.
  struct State {
    double scale = kInitialScale;
    std::int64_t finite_steps = 0;  // since the scale last changed

    bool operator==(const State&) const = default;
  };
  State state() const { return {scale_, finite_steps_}; }
  void set_state(const State& state) {
    scale_ = state.scale;
    finite_steps_ = state.finite_steps;
  }

 private:
  double scale_ = kInitialScale;
  std::int64_t finite_steps_ = 0;
};

}  // namespace mosaic
