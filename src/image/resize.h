#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"

namespace mosaic {

/// The filter of one direction: output i is the weighted sum of `count[i]` inputs from `first[i]` on. Weights are
/// fixed-point numbers with 22 bits behind the point, `stride` of them per output.
struct ResizeFilter {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<std::int32_t> weights;
  int stride = 0;
};

/// Pillow's antialiased triangle filter, for outputs `begin` to `end` (exclusive) of `in_size` pixels scaled to `out_size`.
/// No weight is negative.
/// @param cut_first, cut_last  in [0, 1): this much of the first and of the last pixel does not belong to the picture, as with the `box` of
///                             Pillow's resize
void make_filter(int in_size, int out_size, int begin, int end, ResizeFilter& filter, double cut_first = 0,
                 double cut_last = 0);

/// Buffers that resizing uses again: they grow to what the largest image needed. One per thread.
class ResizeScratch {
 public:
  std::vector<std::uint8_t> rows;  // after the horizontal pass
  ResizeFilter across, down;
};

/// Cut `box` out of `image`, scale it to `out_width` x `out_height`, mirror it if `flip`.
/// Byte for byte what Pillow 9.4 to 12 gives for crop(box).resize((out_width, out_height), BILINEAR): antialiased
/// triangle filter, horizontal pass first, 8-bit rounding after each pass, a pass skipped where its size stays.
/// Differs: boxes more than 100 times as tall as wide, which Pillow from 12.2 on scales vertically first.
/// @param box  inside the image, not empty
/// @param out  out_width * out_height * 3 bytes, RGB interleaved; overwritten
void resize_crop(ImageView image, Box box, int out_width, int out_height, bool flip, ResizeScratch& scratch,
                 std::uint8_t* out);

/// Size after scaling so that the shorter side is `shorter`: the longer is int(shorter * long / short). Spec:
/// torchvision Resize(int).
struct Size {
  int width;
  int height;
  bool operator==(const Size&) const = default;
};
Size resized_to_shorter(int width, int height, int shorter);

/// The evaluation view: the shorter side scaled to `resize_size` (<= 0: as it is), then `crop_size` x `crop_size` from
/// the centre, corner round-half-to-even; black where the image is smaller than the crop. As torchvision's Resize,
/// CenterCrop. Computes the pixels of the crop only.
/// @param out  crop_size * crop_size * 3 bytes; overwritten
void resize_center_crop(ImageView image, int resize_size, int crop_size, ResizeScratch& scratch, std::uint8_t* out);

/// Where CenterCrop cuts: top-left corner; negative where there must be black (torchvision pads first).
struct Corner {
  int left;
  int top;
  bool operator==(const Corner&) const = default;
};
Corner center_crop_corner(int width, int height, int crop_size);

}  // namespace mosaic
