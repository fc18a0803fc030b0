#include <algorithm>

#include "packed/portable_kernels.h"

namespace mosaic::portable {
namespace {

// As in image/resize.cpp: weights have 22 bits behind the point; none is negative.
constexpr int kFractionBits = 22;
constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

std::uint8_t to_pixel(std::int32_t sum) { return static_cast<std::uint8_t>(std::min(sum >> kFractionBits, 255)); }

}  // namespace

void across(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  const int taps = 4 * plan.tap_groups;
  for (int i = 0; i < 16 * plan.runs; ++i) {
    const std::int32_t* weights = plan.weights + static_cast<std::ptrdiff_t>(i) * taps;
    for (int k = 0; k < 4; ++k) {
      const std::uint8_t* samples = rows[k] + plan.first[i];
      std::int32_t sum = kHalf;
      for (int t = 0; t < taps; ++t) sum += samples[t] * weights[t];
      *out++ = to_pixel(sum);
    }
  }
}

void down(const RowGroups& rows, const DownPlan& plan, int y, int width, std::uint8_t* out) {
  const std::int32_t* weights = plan.weights + std::ptrdiff_t{4} * plan.begin[y];
  for (int x = 0; x < width; ++x) {
    std::int32_t sum = kHalf;
    for (int g = 0; g < plan.groups[y]; ++g) {
      const std::uint8_t* group = rows.base + rows.stride * ((plan.first_group[y] + g) & rows.mask) + 4 * x;
      for (int k = 0; k < 4; ++k) sum += group[k] * weights[4 * g + k];
    }
    out[x] = to_pixel(sum);
  }
}

}  // namespace mosaic::portable
