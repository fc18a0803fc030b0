#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <optional>

namespace mosaic {

/// While it lives, convolutions and matrix products of this thread compute in `type` (bfloat16 or float16) on devices of
/// this kind, whatever the type of their inputs; sums over many values stay in float32, and weights are what they were.
/// Source: Micikevicius et al., Mixed Precision Training, ICLR 2018, arXiv:1710.03740, section 3; LibTorch's autocast, with
/// its lists of operators. Recipes section 7.4.
/// Weights are converted once for each outermost guard: when they change, the guard must have ended. Put it around a forward
/// pass and its loss, not around the backward pass. Guards may be nested; each puts back what it found.
class Autocast {
 public:
  /// @param type  none: changes nothing
  Autocast(c10::DeviceType device, std::optional<c10::ScalarType> type);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  struct Before {
    bool enabled;
    c10::ScalarType type;
  };
  c10::DeviceType device_;
  std::optional<Before> before_;
};

}  // namespace mosaic
