#pragma once

#include <cstdint>

#include "image/image.h"

namespace mosaic {

/// RandAugment's operations on geometry: pixels move, the size stays, what comes from outside the image is black.
/// Byte for byte what Pillow 9.4's transform(AFFINE, BILINEAR) and rotate(BILINEAR) give.
/// `out`: as many bytes as `in` has, elsewhere.

/// Where a pixel of the result comes from: output (x, y) shows the input at (a x + b y + c, d x + e y + f), pixel centres
/// lying at halves.
struct Affine {
  double a, b, c;
  double d, e, f;
};

/// Bilinear between pixel centres, in double, cut to whole numbers; the outer half pixel repeats the border.
void affine(ImageView in, const Affine& source, std::uint8_t* out);

/// Row y slides by y * `shift` to the left. @param shift  pixels per row
void shear_x(ImageView in, double shift, std::uint8_t* out);

/// Column x slides by x * `shift` upwards. @param shift  pixels per column
void shear_y(ImageView in, double shift, std::uint8_t* out);

/// @param pixels  to the left
void translate_x(ImageView in, int pixels, std::uint8_t* out);

/// @param pixels  upwards
void translate_y(ImageView in, int pixels, std::uint8_t* out);

/// About the centre, counter-clockwise. @param degrees  in (-90, 90)
void rotate(ImageView in, int degrees, std::uint8_t* out);

}  // namespace mosaic
