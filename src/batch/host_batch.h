#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace mosaic {

/// The images of one rank's part of a batch, in host memory, ready for the device.
struct Slab {
  std::int64_t size = 0;             // images
  int side = 0;                      // pixels
  std::vector<std::uint8_t> images;  // size * side * side * 3: (N, H, W, C), RGB, rows top to bottom
  std::vector<std::int64_t> labels;  // size

  /// What device/ has made of the images' memory, to be undone before that is freed; empty: nothing. Last, so that it goes first.
  mutable std::shared_ptr<void> pinned = {};
};

/// A slab that goes back to its loader, to be filled again, when the last owner lets go of it. Nothing is copied on the way.
using HostBatch = std::shared_ptr<const Slab>;

}  // namespace mosaic
