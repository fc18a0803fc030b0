#include "image/rand_augment.h"

#include <cstddef>

#include "image/augment_enhance.h"
#include "image/augment_geometry.h"
#include "image/augment_tone.h"

namespace mosaic {
namespace {

constexpr int kAllOps = 13, kSafeOps = 9;

// The parameters keep the reference's order of arithmetic: another one moves some to the next whole number.

double strength(double severity, AugmentDraws& draws) { return draws.uniform(0.1, severity); }

/// The share of `most` that the strength is of 10, cut to a whole number.
int whole_part(double strength, double most) { return static_cast<int>(strength * most / 10); }

double with_random_sign(double value, AugmentDraws& draws) { return draws.uniform(0, 1) > 0.5 ? -value : value; }

double enhancement(const RandAugmentConfig& config, bool is_brightness, AugmentDraws& draws) {
  if (config.augmentation_set == AugmentationSet::kOriginal) return strength(config.severity, draws) * 1.8 / 10 + 0.1;
  const bool enlarge = draws.uniform(0, 1) > 0.5;
  const double factor = enlarge ? draws.uniform(1, config.severity) : draws.uniform(1 - 0.09 * config.severity, 1);
  return is_brightness && factor > 1 ? factor * 0.75 : factor;
}

double draw_parameter(AugmentOp op, const RandAugmentConfig& config, int width, int height, AugmentDraws& draws) {
  const double severity = config.severity;
  // One draw after the other: the order in which a call's arguments are evaluated is the compiler's choice.
  const auto whole_with_sign = [&](double most) {
    const int value = whole_part(strength(severity, draws), most);
    return with_random_sign(value, draws);
  };
  switch (op) {
    case AugmentOp::kAutocontrast:
    case AugmentOp::kEqualize:
      return 0;
    case AugmentOp::kPosterize:
      return 4 - whole_part(strength(severity, draws), 4);
    case AugmentOp::kSolarize:
      return 256 - whole_part(strength(severity, draws), 256);
    case AugmentOp::kRotate:
      return whole_with_sign(30);
    case AugmentOp::kTranslateX:
      return whole_with_sign(width / 3.0);
    case AugmentOp::kTranslateY:
      return whole_with_sign(height / 3.0);
    case AugmentOp::kShearX:
    case AugmentOp::kShearY: {
      const double shift = strength(severity, draws) * 0.3 / 10;
      return with_random_sign(shift, draws);
    }
    case AugmentOp::kColor:
    case AugmentOp::kContrast:
    case AugmentOp::kBrightness:
    case AugmentOp::kSharpness:
      break;
  }
  return enhancement(config, op == AugmentOp::kBrightness, draws);
}

}  // namespace

KeyedAugmentDraws::KeyedAugmentDraws(std::uint64_t seed, std::int64_t epoch, std::int64_t sample)
    : random_{kRandAugment, seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(sample)} {}

int KeyedAugmentDraws::operation(int count) { return static_cast<int>(random_.uniform_int(count)); }

double KeyedAugmentDraws::uniform(double low, double high) { return low + (high - low) * random_.uniform_double(); }

Augmentation draw_augmentation(const RandAugmentConfig& config, int width, int height, AugmentDraws& draws) {
  const int count = config.augmentation_set == AugmentationSet::kSafe ? kSafeOps : kAllOps;
  const auto op = static_cast<AugmentOp>(draws.operation(count));
  return {op, draw_parameter(op, config, width, height, draws)};
}

void apply(const Augmentation& augmentation, ImageView in, std::uint8_t* out) {
  const double parameter = augmentation.parameter;
  const int whole = static_cast<int>(parameter);
  switch (augmentation.op) {
    case AugmentOp::kAutocontrast:
      return autocontrast(in, out);
    case AugmentOp::kEqualize:
      return equalize(in, out);
    case AugmentOp::kPosterize:
      return posterize(in, whole, out);
    case AugmentOp::kRotate:
      return rotate(in, whole, out);
    case AugmentOp::kSolarize:
      return solarize(in, whole, out);
    case AugmentOp::kShearX:
      return shear_x(in, parameter, out);
    case AugmentOp::kShearY:
      return shear_y(in, parameter, out);
    case AugmentOp::kTranslateX:
      return translate_x(in, whole, out);
    case AugmentOp::kTranslateY:
      return translate_y(in, whole, out);
    case AugmentOp::kColor:
      return color(in, parameter, out);
    case AugmentOp::kContrast:
      return contrast(in, parameter, out);
    case AugmentOp::kBrightness:
      return brightness(in, parameter, out);
    case AugmentOp::kSharpness:
      return sharpness(in, parameter, out);
  }
}

void rand_augment(const RandAugmentConfig& config, int width, int height, AugmentDraws& draws,
                  std::vector<std::uint8_t>& scratch, std::uint8_t* rgb) {
  for (int i = 0; i < config.depth; ++i) {
    scratch.assign(rgb, rgb + static_cast<std::size_t>(width) * height * 3);
    apply(draw_augmentation(config, width, height, draws), ImageView(scratch.data(), width, height), rgb);
  }
}

}  // namespace mosaic
