#include <webp/decode.h>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

// The container (RIFF) says how long it is; libwebp decodes what it needs and would not miss a cut tail.
void check_length(Bytes file) {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(file[i]); };
  const std::uint64_t size = 8ull + (byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24);
  if (size > file.size()) throw Error(str("WebP: the file is truncated: ", file.size(), " bytes of ", size));
}

}  // namespace

void decode_webp(Bytes file, Image& out) {
  check_length(file);
  const auto* data = reinterpret_cast<const std::uint8_t*>(file.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, file.size(), &features) != VP8_STATUS_OK) throw Error("WebP: broken header");
  if (features.has_animation) throw Error("WebP: an animation, expected a still image");
  set_size(out, features.width, features.height);
  // Transparent pixels keep the colour that is stored below them.
  if (!WebPDecodeRGBInto(data, file.size(), out.rgb.data(), out.rgb.size(), out.width * 3))
    throw Error("WebP: broken or truncated data");
}

}  // namespace mosaic
