#pragma once

#include <cstdint>

#include "image/image.h"

namespace mosaic {

/// RandAugment's enhancements: between a poorer version of the image (factor 0) and the image itself (factor 1), and as far
/// again beyond it: poor + factor * (image - poor) in float32, limited to [0, 255], cut to whole numbers.
/// Byte for byte what Pillow 9.4's ImageEnhance gives on a processor without fused multiply-add in the build.
/// @param factor  >= 0
/// @param out     as many bytes as `in` has, elsewhere

/// Poor: its luma, (19595 R + 38470 G + 7471 B + 32768) >> 16.
void color(ImageView in, double factor, std::uint8_t* out);

/// Poor: the mean of the luma everywhere.
void contrast(ImageView in, double factor, std::uint8_t* out);

/// Poor: black.
void brightness(ImageView in, double factor, std::uint8_t* out);

/// Poor: smoothed by the 3 x 3 kernel (1 1 1; 1 5 1; 1 1 1) / 13; the outermost pixels, and images of fewer than 3 rows or
/// columns, as they are.
void sharpness(ImageView in, double factor, std::uint8_t* out);

}  // namespace mosaic
