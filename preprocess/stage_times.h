#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "batch/view.h"
#include "shards/shard_set.h"

namespace mosaic {

/// What the stages of making an image take in one thread, in seconds, means over `images`. Measured apart from the loader, where clocks
/// between the stages would cost time.
struct StageTimes {
  std::int64_t images = 0;
  double read = 0;      // of what a crop needs, waiting included
  double checksum = 0;  // of the whole image: in its first epoch only
  double decode = 0;    // packed coefficients to the crop's pixels; other kinds to the image's
  double resize = 0;    // to the side, and the store
};

/// The first of `samples`, again and again, for at least `seconds`.
/// @param side  of the crops in pixels
StageTimes time_stages(const std::shared_ptr<const ShardSet>& shards, const View& view,
                       std::span<const std::int64_t> samples, int side, double seconds);

}  // namespace mosaic
