#include "image/random_crop.h"

#include <cmath>

namespace mosaic {
namespace {

constexpr int kTries = 10;
constexpr double kMinRatio = 3.0 / 4, kMaxRatio = 4.0 / 3;
// Their logarithms as torchvision takes them: of the ratios in float32.
constexpr float kMinLogRatio = -0.28768208622932434f, kMaxLogRatio = 0.28768211603164673f;

// Python's round(): half to even, which is the default of the floating-point unit.
double round_half_even(double x) { return std::nearbyint(x); }

}  // namespace

KeyedCropDraws::KeyedCropDraws(std::uint64_t seed, std::int64_t epoch, std::int64_t sample)
    : random_{kCropAndFlip, seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(sample)} {}

float KeyedCropDraws::uniform(float low, float high) { return random_.uniform_float() * (high - low) + low; }

std::int64_t KeyedCropDraws::integer(std::int64_t bound) { return random_.uniform_int(bound); }

bool KeyedCropDraws::flip() { return random_.uniform_float() < 0.5f; }

Box random_resized_crop(int width, int height, double scale_low, double scale_high, CropDraws& draws) {
  const double area = static_cast<double>(width) * height;
  for (int i = 0; i < kTries; ++i) {
    const double target =
        area * static_cast<double>(draws.uniform(static_cast<float>(scale_low), static_cast<float>(scale_high)));
    const double ratio = static_cast<double>(std::exp(draws.uniform(kMinLogRatio, kMaxLogRatio)));  // float32
    const double w = round_half_even(std::sqrt(target * ratio));
    const double h = round_half_even(std::sqrt(target / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    Box box{0, 0, static_cast<int>(w), static_cast<int>(h)};
    box.top = static_cast<int>(draws.integer(height - box.height + 1));
    box.left = static_cast<int>(draws.integer(width - box.width + 1));
    return box;
  }

  Box box{0, 0, width, height};
  const double ratio = static_cast<double>(width) / height;
  if (ratio < kMinRatio) {
    box.height = static_cast<int>(round_half_even(width / kMinRatio));
  } else if (ratio > kMaxRatio) {
    box.width = static_cast<int>(round_half_even(height * kMaxRatio));
  }
  box.left = (width - box.width) / 2;
  box.top = (height - box.height) / 2;
  return box;
}

}  // namespace mosaic
