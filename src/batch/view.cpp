#include "batch/view.h"

#include <vector>

#include "image/rand_augment.h"
#include "image/random_crop.h"
#include "image/resize.h"
#include "packed/stored_decoder.h"

namespace mosaic {

struct View::Scratch {
  StoredDecoder decoder;
  Image decoded, resized;
  ResizeScratch resize;
  std::vector<std::uint8_t> augment;
};

View::View(const TrainDatasetConfig& config, const std::optional<RandAugmentConfig>& rand_augment, std::uint64_t seed)
    : resize_size_(config.resize_size),
      crop_size_(config.crop_size),
      train_(true),
      flip_(config.flip),
      half_(config.decode == Decode::kHalf),
      scale_low_(config.crop_scale[0]),
      scale_high_(config.crop_scale[1]),
      rand_augment_(rand_augment),
      seed_(seed) {}

View::View(const DatasetConfig& config) : resize_size_(config.resize_size), crop_size_(config.crop_size) {}

std::shared_ptr<View::Scratch> View::make_scratch() { return std::make_shared<Scratch>(); }

Box View::part_looked_at(int width, int height, std::int64_t epoch, std::int64_t sample) const {
  if (!train_ || resize_size_ > 0) return {0, 0, width, height};
  KeyedCropDraws draws(seed_, epoch, sample);
  return random_resized_crop(width, height, scale_low_, scale_high_, draws);
}

void View::render(const StoredImage& stored, std::int64_t epoch, std::int64_t sample, int side, Scratch& scratch,
                  std::uint8_t* out) const {
  if (!train_) {
    scratch.decoder.decode_center_crop(stored, resize_size_, side, out);
    return;
  }
  KeyedCropDraws draws(seed_, epoch, sample);
  const auto draw_crop = [&](int width, int height) {
    return random_resized_crop(width, height, scale_low_, scale_high_, draws);
  };
  if (resize_size_ <= 0) {
    const Box box = draw_crop(stored.width, stored.height);
    const bool flip = flip_ && draws.flip();
    if (half_)
      scratch.decoder.decode_crop_half(stored, box, side, flip, out);
    else
      scratch.decoder.decode_crop(stored, box, side, flip, out);
  } else {
    scratch.decoder.decode(stored, scratch.decoded);
    const Size size = resized_to_shorter(stored.width, stored.height, resize_size_);
    const Box whole{0, 0, stored.width, stored.height};
    scratch.resized.width = size.width;
    scratch.resized.height = size.height;
    scratch.resized.rgb.resize(static_cast<std::size_t>(size.width) * size.height * 3);
    resize_crop(scratch.decoded, whole, size.width, size.height, false, scratch.resize, scratch.resized.rgb.data());
    const Box box = draw_crop(size.width, size.height);
    resize_crop(scratch.resized, box, side, side, flip_ && draws.flip(), scratch.resize, out);
  }
  if (rand_augment_) {
    KeyedAugmentDraws augment_draws(seed_, epoch, sample);
    rand_augment(*rand_augment_, side, side, augment_draws, scratch.augment, out);
  }
}

}  // namespace mosaic
