#include "image/augment_geometry.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace mosaic {
namespace {

// Python's round(x, 15): through the decimal digits, each way correctly rounded.
double to_15_decimals(double x) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, x, std::chars_format::fixed, 15);
  assert(error == std::errc());
  double rounded = 0;
  std::from_chars(digits, end, rounded);
  return rounded;
}

double between(int a, int b, double share) { return a + (b - a) * share; }

/// The largest whole number up to x. x >= -1.
int floor_of(double x) { return x < 0 ? -1 : static_cast<int>(x); }

/// The input at (x, y), which is inside the image.
void sample(ImageView in, double x, double y, std::uint8_t* out) {
  x -= 0.5;
  y -= 0.5;
  const int left = floor_of(x), top = floor_of(y);
  const double dx = x - left, dy = y - top;
  const std::ptrdiff_t from = std::max(left, 0) * 3, to = std::min(left + 1, in.width - 1) * 3;
  const std::uint8_t* upper = in.rgb + static_cast<std::size_t>(std::max(top, 0)) * in.width * 3;
  const std::uint8_t* lower = in.rgb + static_cast<std::size_t>(std::min(top + 1, in.height - 1)) * in.width * 3;
  for (int c = 0; c < 3; ++c) {
    const double above = between(upper[from + c], upper[to + c], dx);
    const double below = between(lower[from + c], lower[to + c], dx);
    out[c] = static_cast<std::uint8_t>(above + (below - above) * dy);
  }
}

}  // namespace

void affine(ImageView in, const Affine& source, std::uint8_t* out) {
  for (int row = 0; row < in.height; ++row) {
    const double y_part_of_x = source.b * (row + 0.5), y_part_of_y = source.e * (row + 0.5);
    for (int column = 0; column < in.width; ++column, out += 3) {
      const double x = source.a * (column + 0.5) + y_part_of_x + source.c;
      const double y = source.d * (column + 0.5) + y_part_of_y + source.f;
      if (x >= 0 && x < in.width && y >= 0 && y < in.height) {
        sample(in, x, y, out);
      } else {
        std::fill_n(out, 3, std::uint8_t{0});
      }
    }
  }
}

void shear_x(ImageView in, double shift, std::uint8_t* out) { affine(in, {1, shift, 0, 0, 1, 0}, out); }

void shear_y(ImageView in, double shift, std::uint8_t* out) { affine(in, {1, 0, 0, shift, 1, 0}, out); }

void translate_x(ImageView in, int pixels, std::uint8_t* out) {
  affine(in, {1, 0, static_cast<double>(pixels), 0, 1, 0}, out);
}

void translate_y(ImageView in, int pixels, std::uint8_t* out) {
  affine(in, {1, 0, 0, 0, 1, static_cast<double>(pixels)}, out);
}

void rotate(ImageView in, int degrees, std::uint8_t* out) {
  assert(-90 < degrees && degrees < 90);
  if (degrees == 0) {
    std::copy_n(in.rgb, static_cast<std::size_t>(in.width) * in.height * 3, out);
    return;
  }
  const double angle = -((degrees + 360) % 360 * (std::numbers::pi / 180));
  const double cosine = to_15_decimals(std::cos(angle)), sine = to_15_decimals(std::sin(angle));
  const double x = in.width / 2.0, y = in.height / 2.0;  // the centre, which stays where it is
  affine(in, {cosine, sine, cosine * -x + sine * -y + x, -sine, cosine, -sine * -x + cosine * -y + y}, out);
}

}  // namespace mosaic
