#include "batch/resize_schedule.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace mosaic {
namespace {

/// To a multiple of size_increment, halves to the even multiple: Python's round(), which is the default of the
/// floating-point unit.
double rounded_side(const ProgressiveResizingConfig& config, int full_side, double elapsed) {
  const double increment = config.size_increment;
  const double multiples = std::nearbyint(full_side * resize_scale(config, elapsed) / increment);
  return std::max(multiples, 1.0) * increment;
}

}  // namespace

double resize_scale(const ProgressiveResizingConfig& config, double elapsed) {
  if (elapsed < config.delay_fraction) return config.initial_scale;
  const double ramp = 1 - config.finetune_fraction - config.delay_fraction;
  const double done = ramp > 0 ? std::min(1.0, (elapsed - config.delay_fraction) / ramp) : 1.0;
  return config.initial_scale + (1 - config.initial_scale) * done;
}

int loader_side(const ProgressiveResizingConfig& config, int full_side, double elapsed) {
  if (resize_scale(config, elapsed) >= 1) return full_side;
  return std::min(full_side, static_cast<int>(rounded_side(config, full_side, elapsed)));
}

double nearest_scale(const ProgressiveResizingConfig& config, int width, double elapsed) {
  return std::min(1.0, rounded_side(config, width, elapsed) / width);
}

int nearest_size(int size, double scale) { return std::max(1, static_cast<int>(size * scale)); }

std::vector<std::int64_t> nearest_indices(int size, double scale) {
  assert(0 < scale && scale <= 1);
  const float step = static_cast<float>(1.0 / scale);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(nearest_size(size, scale)));
  for (std::size_t i = 0; i < indices.size(); ++i)
    indices[i] = std::min(static_cast<std::int64_t>(static_cast<float>(i) * step), std::int64_t{size} - 1);
  return indices;
}

}  // namespace mosaic
