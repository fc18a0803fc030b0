#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "config/recipe.h"
#include "image/image.h"

namespace mosaic {

/// RandAugment: `depth` operations, each drawn from a set and with a strength of its own, on the 8-bit crop, after the flip.
/// Source: Cubuk, Zoph, Shlens and Le, RandAugment, CVPR 2020, arXiv:1909.13719, in Composer 0.14's form, whose operations
/// are those of Hendrycks et al., AugMix, ICLR 2020, arXiv:1912.02781.
/// Differs from the paper, with Composer:
/// - thirteen operations: no identity; contrast, color, brightness and sharpness are in the set `all`, not in `safe`;
/// - the strength is not `severity` but uniform between 0.1 and it, and severity goes to 10, not 30;
/// - set `all`: a fair coin makes an enhancement stronger (factor in [1, severity)) or weaker (in [1 - 0.09 severity, 1));
///   a brightness above 1 is multiplied by 0.75. Set `original`: factor 0.1 + 0.18 strength, as in the paper's code.
/// Differs from Composer: the draws are keyed, not those of a worker's NumPy generator.

/// The thirteen, in the reference's order: `all` and `original` draw from all of them, `safe` from the first nine.
enum class AugmentOp {
  kAutocontrast,
  kEqualize,
  kPosterize,
  kRotate,
  kSolarize,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
  kColor,
  kContrast,
  kBrightness,
  kSharpness,
};

/// What RandAugment draws, one method per kind of draw, in the order of the calls. Tests script it.
class AugmentDraws {
 public:
  virtual ~AugmentDraws() = default;
  virtual int operation(int count) = 0;                 // in [0, count)
  virtual double uniform(double low, double high) = 0;  // low + (high - low) * [0, 1); high may be the lower one
};

/// The draws of one image: a function of (seed, epoch, sample) alone.
class KeyedAugmentDraws : public AugmentDraws {
 public:
  KeyedAugmentDraws(std::uint64_t seed, std::int64_t epoch, std::int64_t sample);
  int operation(int count) override;
  double uniform(double low, double high) override;

 private:
  KeyedRandom random_;
};

/// One operation with its parameter; what that is says the operation's function (augment_tone.h, augment_geometry.h,
/// augment_enhance.h): bits, degrees, a threshold, a shift, pixels, a factor. Whole where those are; 0 where there is none.
struct Augmentation {
  AugmentOp op = AugmentOp::kAutocontrast;
  double parameter = 0;
};

/// Draw one operation for an image of that size. Order of the draws: operation; strength, then sign of those that have one;
/// of the enhancements coin, then factor.
Augmentation draw_augmentation(const RandAugmentConfig& config, int width, int height, AugmentDraws& draws);

/// @param out  as many bytes as `in` has, elsewhere; overwritten
void apply(const Augmentation& augmentation, ImageView in, std::uint8_t* out);

/// Draw and apply `config.depth` operations, one after the other.
/// @param rgb      width * height * 3 bytes, RGB interleaved; in place
/// @param scratch  grows to that many bytes and is used again. One per thread
void rand_augment(const RandAugmentConfig& config, int width, int height, AugmentDraws& draws,
                  std::vector<std::uint8_t>& scratch, std::uint8_t* rgb);

}  // namespace mosaic
