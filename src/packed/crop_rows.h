#pragma once

#include <array>
#include <cstdint>

#include "image/image.h"
#include "packed/aligned_buffer.h"
#include "packed/kernels.h"
#include "packed/packed_record.h"

namespace mosaic {

/// The rows of a crop, decoded from a packed record as libjpeg-turbo does by default (integer slow inverse DCT, fancy
/// upsampling), top to bottom. Only the blocks that the crop needs are unpacked, and only some rows are held at a time. One per
/// thread.
class CropRows {
 public:
  explicit CropRows(const Kernels& kernels) : kernels_(kernels) {}

  /// Begin with `box` of `record`, which must live until the last row was read.
  /// @param box  inside the image, not empty
  void start(const PackedRecord& record, Box box);

  /// The same of the image at half its size, of (width + 1) / 2 x (height + 1) / 2 pixels: approximately the means of 2 x 2 pixels. Chroma
  /// that is stored at half size needs no upsampling.
  /// @param box  inside the small image
  void start_half(const PackedRecord& record, Box box);

  /// Whether `start_half` can: not where a component is halved in one direction only.
  static bool can_halve(const PackedRecord& record);

  int channels() const { return static_cast<int>(record_->components().size()); }

  /// The next row: box.width samples for each channel.
  /// @param r, g, b  with room for kRowSlack bytes more; of a grey image only r is written
  /// @throws Error if the record is damaged
  void next(std::uint8_t* r, std::uint8_t* g, std::uint8_t* b);

 private:
  /// The samples of one component around the crop: a ring of rows.
  struct Plane {
    int ratio_x, ratio_y;        // of the image's size to the component's, as decoded
    int width, height;           // in samples
    int block_side;              // of a decoded block: 8, or 4 at half size
    int first_block, end_block;  // columns of blocks
    int end_block_row;
    int next_block_row;  // to be decoded
    int first, last;     // samples that the crop shows, without their neighbours
    std::size_t stride;
    int ring_mask;
    std::uint8_t* base;
    AlignedBuffer memory;
    alignas(64) std::array<std::uint16_t, 64> quant;  // in the order of block_order.h

    std::uint8_t* row(int y) const { return base + static_cast<std::size_t>(y & ring_mask) * stride; }
  };
  struct BlockRow {
    int component, y;
  };

  void start_rows(const PackedRecord& record, Box box);
  void start_plane(Plane& p);
  void decode_band();
  void decode_block_rows(const BlockRow* rows, int count);
  void reconstruct(BlockRow row, const std::int16_t* coefficients);
  bool ready(int y) const;
  const std::uint8_t* samples(int c, int y);

  const Kernels& kernels_;
  const PackedRecord* record_ = nullptr;
  Box box_;
  int y_ = 0;          // next row
  int band_ = 0;       // next band of rows of blocks: one row of the component with fewest
  int band_rows_ = 8;  // rows of the image that it has
  std::array<Plane, 3> planes_;
  std::array<AlignedBuffer, 3> upsampled_;
  AlignedBuffer coefficients_;
};

}  // namespace mosaic
