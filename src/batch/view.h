#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/stored_image.h"
#include "config/config.h"
#include "image/image.h"

namespace mosaic {

/// What one image becomes: pixels of (seed, epoch, sample), never of a thread, a rank or the time.
class View {
 public:
  /// Random crop and flip as the training set's configuration says, then RandAugment if it is on.
  View(const TrainDatasetConfig& config, const std::optional<RandAugmentConfig>& rand_augment, std::uint64_t seed);
  /// Scaled and cut from the centre as the evaluation set's configuration says.
  explicit View(const DatasetConfig& config);

  /// The full side in pixels: what is given where a batch asks for no other.
  int side() const { return crop_size_; }

  /// Whether every image is decoded whole, for scaling it before the crop is drawn.
  bool looks_at_whole_image() const { return train_ && resize_size_ > 0; }

  /// Buffers of one thread.
  struct Scratch;
  static std::shared_ptr<Scratch> make_scratch();

  /// The part of a stored image of this size that `render` looks at.
  Box part_looked_at(int width, int height, std::int64_t epoch, std::int64_t sample) const;

  /// With decode: half, crops of at least twice `side` of packed images are approximate.
  /// @param side  of the result in pixels: a smaller one shows the same crop, scaled once, antialiased
  /// @param out   side * side * 3 bytes; overwritten
  void render(const StoredImage& image, std::int64_t epoch, std::int64_t sample, int side, Scratch& scratch,
              std::uint8_t* out) const;

 private:
  int resize_size_, crop_size_;
  bool train_ = false, flip_ = false, half_ = false;
  double scale_low_ = 1, scale_high_ = 1;
  std::optional<RandAugmentConfig> rand_augment_;
  std::uint64_t seed_ = 0;
};

}  // namespace mosaic
