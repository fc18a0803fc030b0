#pragma once

#include <cstdint>
#include <vector>

#include "base/stored_image.h"
#include "image/image.h"
#include "image/resize.h"
#include "packed/crop_rows.h"
#include "packed/kernel_choice.h"
#include "packed/row_resizer.h"

namespace mosaic {

/// Decodes what a shard holds, of every kind. One per thread; its buffers grow to what the largest image needed.
class StoredDecoder {
 public:
  explicit StoredDecoder(const Kernels& kernels = best_kernels());

  /// The whole image.
  /// @param image  its width and height must be what the bytes say
  /// @throws Error saying what is wrong with the bytes, without naming the sample: the caller knows it
  void decode(const StoredImage& image, Image& out);

  /// `box` of the image, scaled to side x side and mirrored if `flip`: the bytes of `decode`, then `resize_crop`. Of packed
  /// coefficients only what the box needs is decoded, of pixels only the rows of the box are looked at; all is scaled row by row.
  /// @param box  inside the image, not empty
  /// @param out  side * side * 3 bytes; overwritten
  void decode_crop(const StoredImage& image, Box box, int side, bool flip, std::uint8_t* out);

  /// As `decode_crop`, approximately and faster, where packed coefficients have a box of at least 2 * side pixels in both directions, and no
  /// component is halved in one direction only; elsewhere the same. Every other frequency of the image's blocks has no pixels that could show
  /// it: blocks are decoded to 4 x 4 pixels, which are scaled to `side`.
  void decode_crop_half(const StoredImage& image, Box box, int side, bool flip, std::uint8_t* out);

  /// The evaluation view: the bytes of `decode`, then `resize_center_crop`.
  void decode_center_crop(const StoredImage& image, int resize_size, int crop_size, std::uint8_t* out);

 private:
  void decode_whole(const PackedRecord& record, Image& out);
  /// Outputs of two resize axes that begin at the corner of `box`.
  void decode_scaled(const StoredImage& image, Box box, ResizeAxis across, ResizeAxis down, bool flip,
                     std::uint8_t* out, std::size_t out_stride);
  void scale_record(const PackedRecord& record, Box box, ResizeAxis across, ResizeAxis down, bool flip,
                    std::uint8_t* out, std::size_t out_stride);
  void scale_pixels(ImageView image, Box box, ResizeAxis across, ResizeAxis down, bool flip, std::uint8_t* out,
                    std::size_t out_stride);
  void push_rows(int count);

  const Kernels& kernels_;
  CropRows rows_;
  RowResizer resizer_;
  Image decoded_;
  std::array<AlignedBuffer, 3> row_;
};

/// Open a record of packed coefficients.
/// @throws Error if it is none, or not of the size that the shard says
PackedRecord open_packed(const StoredImage& image);

}  // namespace mosaic
