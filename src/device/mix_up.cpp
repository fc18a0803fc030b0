#include "device/mix_up.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "device/host_copy.h"

namespace mosaic {
namespace {

double uniform_above_0(KeyedRandom& random) { return 1 - random.uniform_double(); }

double draw_normal(KeyedRandom& random) {  // Box and Muller
  const double radius = std::sqrt(-2 * std::log(uniform_above_0(random)));
  return radius * std::cos(2 * std::numbers::pi * random.uniform_double());
}

/// The logarithm of a draw from Gamma(shape, 1): for small shapes the draw itself is often below the smallest double.
/// Source: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, ACM TOMS 26 (3), 2000.
double draw_log_gamma(double shape, KeyedRandom& random) {
  if (shape < 1) {
    const double larger = draw_log_gamma(shape + 1, random);
    return larger + std::log(uniform_above_0(random)) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draw_normal(random), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(uniform_above_0(random)) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

at::Tensor mixed(const at::Tensor& own, const at::Tensor& others, const Mix& mix) {
  return own * (1 - mix.coefficient) + others.index_select(0, sent_to(others.device(), mix.partners)) * mix.coefficient;
}

}  // namespace

double draw_beta(double alpha, KeyedRandom& random) {
  const double a = draw_log_gamma(alpha, random), b = draw_log_gamma(alpha, random);
  return 1 / (1 + std::exp(b - a));
}

Mix draw_mix(const MixUpConfig& config, std::int64_t samples, KeyedRandom random) {
  const double lambda = config.alpha == 0 ? 0 : draw_beta(config.alpha, random);
  return {.coefficient = std::min(lambda, 1 - lambda),
          .partners = at::tensor(random_order(samples, samples, random), at::kLong)};
}

at::Tensor mix_images(const at::Tensor& images, const Mix& mix) { return mixed(images, images, mix); }

at::Tensor mix_targets(const at::Tensor& targets, const at::Tensor& sharp, const Mix& mix) {
  return mixed(targets, sharp, mix);
}

}  // namespace mosaic
