#include "optim/gradient_scaler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <limits>

namespace mosaic {

at::Tensor GradientScaler::unscale(const at::Tensor& gradients) const {
  const c10::NoGradGuard no_grad;
  at::Tensor found_not_finite = at::zeros({1}, gradients.options());
  const at::Tensor inverse = at::full({1}, 1 / scale_, gradients.options());
  at::_amp_foreach_non_finite_check_and_unscale_({gradients}, found_not_finite, inverse);
  return found_not_finite.squeeze(0).eq(0);
}

void GradientScaler::update(bool finite) {
  if (!finite) {
    scale_ *= kBackoff;
    finite_steps_ = 0;
    return;
  }
  if (++finite_steps_ < kGrowthInterval) return;
  finite_steps_ = 0;
  // It multiplies a loss in float32: a scale that is infinite there would never give a finite gradient again.
  if (scale_ * kGrowth <= static_cast<double>(std::numeric_limits<float>::max())) scale_ *= kGrowth;
}

}  // namespace mosaic
