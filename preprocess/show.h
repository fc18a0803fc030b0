#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "image/image.h"

namespace mosaic {

/// preprocess show OUT --split S --sample I --out F.ppm
struct ShowOptions {
  std::string out;  // folder of the shards
  std::string split;
  std::int64_t sample = 0;
  std::optional<Box> crop = {};  // none: the whole image
  std::optional<int> side = {};  // of the square that it is scaled to; none: it keeps its size
  bool flip = false;
  std::string to;  // the file to be written
};

/// Exactly the pixels that the loader delivers for that box, as binary PPM.
/// @throws Error if there is no such sample, or the crop leaves the image
/// @return the exit code
int show(const ShowOptions& options);

}  // namespace mosaic
