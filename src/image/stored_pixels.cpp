#include "base/error.h"
#include "image/decode.h"
#include "image/formats.h"

namespace mosaic {

ImageView stored_pixels(const StoredImage& image) {
  check_size(image.width, image.height);
  const std::size_t size = static_cast<std::size_t>(image.width) * image.height * 3;
  if (image.bytes.size() != size)
    throw Error(
        str(image.bytes.size(), " bytes of pixels, expected ", size, " (", image.width, " x ", image.height, " x 3)"));
  return {reinterpret_cast<const std::uint8_t*>(image.bytes.data()), image.width, image.height};
}

void check_size(std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1)
    throw Error(str("an image of ", width, " x ", height, " pixels: expected at least 1 x 1"));
  if (width > kMaxPixels / height)
    throw Error(str("an image of ", width, " x ", height, " pixels: expected at most ", kMaxPixels, " in all"));
}

}  // namespace mosaic
