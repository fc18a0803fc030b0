#include "preprocess/show.h"

#include <cstdio>

#include "base/error.h"
#include "image/resize.h"
#include "packed/stored_decoder.h"
#include "preprocess/ppm.h"
#include "shards/shard_set.h"

namespace mosaic {
namespace {

void check_crop(Box crop, const Image& image) {
  const bool inside = crop.left >= 0 && crop.top >= 0 && crop.width > 0 && crop.height > 0 &&
                      crop.width <= image.width - crop.left && crop.height <= image.height - crop.top;
  if (!inside)
    throw Error(str("--crop: got ", crop.left, ",", crop.top, ",", crop.width, ",", crop.height,
                    ", expected x,y,width,height inside the image of ", image.width, " x ", image.height, " pixels"));
}

}  // namespace

int show(const ShowOptions& options) {
  const ShardSet shards(options.out, options.split);
  if (options.sample < 0 || options.sample >= shards.size())
    throw Error(str("--sample: got ", options.sample, ", expected 0 to ", shards.size() - 1, " (", options.split,
                    " has ", shards.size(), " images)"));
  std::vector<std::byte> buffer;
  Image image;
  const StoredImage stored = shards.read(options.sample, buffer);
  StoredDecoder decoder;
  decoder.decode(stored, image);

  const Box crop = options.crop.value_or(Box{0, 0, image.width, image.height});
  check_crop(crop, image);
  const int width = options.side.value_or(crop.width), height = options.side.value_or(crop.height);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  if (options.side) {  // what the loader does
    decoder.decode_crop(stored, crop, *options.side, options.flip, pixels.data());
  } else {
    ResizeScratch scratch;
    resize_crop(image, crop, width, height, options.flip, scratch, pixels.data());
  }
  write_ppm(options.to, ImageView(pixels.data(), width, height));

  const auto label = static_cast<std::size_t>(shards.label(options.sample));
  std::printf("%s: class %zu (%s), %d x %d pixels, written to %s\n", shards.describe(options.sample).c_str(), label,
              shards.class_names()[label].c_str(), width, height, options.to.c_str());
  return kExitDone;
}

}  // namespace mosaic
