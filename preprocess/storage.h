#pragma once

namespace mosaic {

/// In what form image files go into a shard.
struct Storage {
  enum class Jpeg { kPacked, kFile, kPixels };
  Jpeg jpeg = Jpeg::kPacked;  // of JPEG files; all others are stored as pixels
  int max_side = 0;  // > 0: every image as pixels, and those whose shorter side is longer are scaled down to it
};

}  // namespace mosaic
