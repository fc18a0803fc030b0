#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "base/stored_image.h"

namespace mosaic {

/// What a data set is, in 64 hexadecimal digits: the SHA-256 of a text with its class names, whether images were scaled down, and, for
/// each image in order, label, kind, size and checksum. How images are cut into shards and what their files were called does not matter.
/// README.md beside this file shows the text.
class Fingerprint {
 public:
  /// @param max_side  0: images are as in their files
  explicit Fingerprint(const std::vector<std::string>& class_names, std::uint32_t max_side = 0);
  void add(std::int32_t label, StoredKind kind, std::uint32_t width, std::uint32_t height, std::uint64_t bytes,
           std::uint32_t crc32c);
  /// Call once, last.
  std::string hex();

 private:
  Sha256 sha_;
  std::string pending_;  // text not yet given to sha_: many short lines are faster as one piece
};

}  // namespace mosaic
