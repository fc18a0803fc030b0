#include "batch/loader.h"
#include "image/decode.h"
#include "image/rand_augment.h"
#include "image/random_crop.h"
#include "image/resize.h"

namespace mosaic {

struct View::Scratch {
  Image decoded, resized;
  ResizeScratch resize;
  std::vector<std::uint8_t> augment;
};

View::View(const TrainDatasetConfig& config, const std::optional<RandAugmentConfig>& rand_augment, std::uint64_t seed)
    : resize_size_(config.resize_size),
      crop_size_(config.crop_size),
      train_(true),
      flip_(config.flip),
      scale_low_(config.crop_scale[0]),
      scale_high_(config.crop_scale[1]),
      rand_augment_(rand_augment),
      seed_(seed) {}

View::View(const DatasetConfig& config) : resize_size_(config.resize_size), crop_size_(config.crop_size) {}

std::shared_ptr<View::Scratch> View::make_scratch() { return std::make_shared<Scratch>(); }

void View::render(const StoredImage& stored, std::int64_t epoch, std::int64_t sample, int side, Scratch& scratch,
                  std::uint8_t* out) const {
  decode_stored(stored, scratch.decoded);
  if (!train_) {
    resize_center_crop(scratch.decoded, resize_size_, side, scratch.resize, out);
    return;
  }
  const Image* image = &scratch.decoded;
  if (resize_size_ > 0) {
    const Size size = resized_to_shorter(image->width, image->height, resize_size_);
    scratch.resized.width = size.width;
    scratch.resized.height = size.height;
    scratch.resized.rgb.resize(static_cast<std::size_t>(size.width) * size.height * 3);
    resize_crop(*image, {0, 0, image->width, image->height}, size.width, size.height, false, scratch.resize,
                scratch.resized.rgb.data());
    image = &scratch.resized;
  }
  KeyedCropDraws draws(seed_, epoch, sample);
  const Box box = random_resized_crop(image->width, image->height, scale_low_, scale_high_, draws);
  const bool flip = flip_ && draws.flip();
  resize_crop(*image, box, side, side, flip, scratch.resize, out);
  if (rand_augment_) {
    KeyedAugmentDraws augment_draws(seed_, epoch, sample);
    rand_augment(*rand_augment_, side, side, augment_draws, scratch.augment, out);
  }
}

}  // namespace mosaic
