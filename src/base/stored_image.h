#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mosaic {

/// How the bytes of one image are kept in a shard. The values are part of the format on disk.
enum class StoredKind : std::uint8_t {
  kJpegFile = 0,    // a JPEG file as it was
  kPixels = 1,      // width * height * 3 bytes, rows top to bottom, RGB
  kPackedJpeg = 2,  // the coefficients of a JPEG file, packed so that any part of it decodes fast
};

/// One image as it lies in a shard, not yet decoded. The bytes belong to someone else.
struct StoredImage {
  StoredKind kind = StoredKind::kJpegFile;
  int width = 0;  // in pixels, as decoded (EXIF orientation is ignored)
  int height = 0;
  std::span<const std::byte> bytes;
};

}  // namespace mosaic
