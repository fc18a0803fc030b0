#include "image/augment_enhance.h"

#include <algorithm>
#include <cstddef>

#include "image/augment_tone.h"

namespace mosaic {
namespace {

std::size_t pixels_of(ImageView image) { return static_cast<std::size_t>(image.width) * image.height; }

std::uint8_t blend(int poor, int value, float factor) {
  const float blended = static_cast<float>(poor) + factor * static_cast<float>(value - poor);
  return static_cast<std::uint8_t>(std::clamp(blended, 0.0f, 255.0f));
}

/// The poor version is one grey everywhere.
void blend_with_grey(ImageView in, int grey, double factor, std::uint8_t* out) {
  ToneTable table;
  for (int v = 0; v < 256; ++v) table[v] = blend(grey, v, static_cast<float>(factor));
  apply_table(in, table, out);
}

int luma(const std::uint8_t* rgb) { return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16; }

}  // namespace

void color(ImageView in, double factor, std::uint8_t* out) {
  const std::uint8_t* p = in.rgb;
  for (std::size_t i = 0; i < pixels_of(in); ++i, p += 3, out += 3) {
    const int grey = luma(p);
    for (int c = 0; c < 3; ++c) out[c] = blend(grey, p[c], static_cast<float>(factor));
  }
}

void contrast(ImageView in, double factor, std::uint8_t* out) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < pixels_of(in); ++i) sum += luma(in.rgb + i * 3);
  const double mean = static_cast<double>(sum) / static_cast<double>(pixels_of(in));
  blend_with_grey(in, static_cast<int>(mean + 0.5), factor, out);
}

void brightness(ImageView in, double factor, std::uint8_t* out) { blend_with_grey(in, 0, factor, out); }

void sharpness(ImageView in, double factor, std::uint8_t* out) {
  std::copy_n(in.rgb, pixels_of(in) * 3, out);  // the border
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(in.width) * 3;
  for (int y = 1; y < in.height - 1; ++y) {
    for (std::ptrdiff_t i = y * row + 3; i < (y + 1) * row - 3; ++i) {
      const std::uint8_t* p = in.rgb + i;
      int sum = 4 * p[0];
      for (const std::ptrdiff_t line : {-row, std::ptrdiff_t{0}, row}) sum += p[line - 3] + p[line] + p[line + 3];
      out[i] = blend((2 * sum + 13) / 26, p[0], static_cast<float>(factor));  // sum / 13, rounded
    }
  }
}

}  // namespace mosaic
