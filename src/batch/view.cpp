#include "batch/loader.h"
#include "image/decode.h"
#include "image/random_crop.h"
#include "image/resize.h"

namespace mosaic {

struct View::Scratch {
  Image decoded, resized;
  ResizeScratch resize;
};

View::View(const TrainDatasetConfig& config, std::uint64_t seed)
    : resize_size_(config.resize_size),
      crop_size_(config.crop_size),
      train_(true),
      flip_(config.flip),
      scale_low_(config.crop_scale[0]),
      scale_high_(config.crop_scale[1]),
      seed_(seed) {}

View::View(const DatasetConfig& config) : resize_size_(config.resize_size), crop_size_(config.crop_size) {}

std::shared_ptr<View::Scratch> View::make_scratch() { return std::make_shared<Scratch>(); }

void View::render(const StoredImage& stored, std::int64_t epoch, std::int64_t sample, Scratch& scratch,
                  std::uint8_t* out) const {
  decode_stored(stored, scratch.decoded);
  if (!train_) {
    resize_center_crop(scratch.decoded, resize_size_, crop_size_, scratch.resize, out);
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
  resize_crop(*image, box, crop_size_, crop_size_, flip, scratch.resize, out);
}

}  // namespace mosaic
