#pragma once

#include <cstdint>

#include "base/random.h"
#include "image/image.h"

namespace mosaic {

/// What RandomResizedCrop draws, one method per kind of draw, in the order of the calls. Tests script it.
class CropDraws {
 public:
  virtual ~CropDraws() = default;
  virtual float uniform(float low, float high) = 0;      // in [low, high)
  virtual std::int64_t integer(std::int64_t bound) = 0;  // in [0, bound)
};

/// The draws of one image: a function of (seed, epoch, sample) alone.
class KeyedCropDraws : public CropDraws {
 public:
  KeyedCropDraws(std::uint64_t seed, std::int64_t epoch, std::int64_t sample);
  float uniform(float low, float high) override;
  std::int64_t integer(std::int64_t bound) override;
  /// True for half of the images; drawn after the box.
  bool flip();

 private:
  KeyedRandom random_;
};

/// The box of torchvision's RandomResizedCrop.get_params: up to ten tries at an area share in [scale_low, scale_high)
/// and a log-uniform aspect ratio in [3/4, 4/3), then the largest centred box with a ratio in that range.
/// Draws per try: area, log ratio (both float32), and on success top, then left.
Box random_resized_crop(int width, int height, double scale_low, double scale_high, CropDraws& draws);

}  // namespace mosaic
