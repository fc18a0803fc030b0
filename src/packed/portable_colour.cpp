#include <algorithm>

#include "packed/portable_kernels.h"

namespace mosaic::portable {

// libjpeg's jdsample.c: three quarters of the nearer sample and one of the farther, in each direction.

void upsample_across(const std::uint8_t* in, int n, std::uint8_t* out) {
  for (int i = 0; i < n; ++i) {
    out[2 * i] = static_cast<std::uint8_t>((3 * in[i] + in[i - 1] + 1) >> 2);
    out[2 * i + 1] = static_cast<std::uint8_t>((3 * in[i] + in[i + 1] + 2) >> 2);
  }
}

void upsample_both(const std::uint8_t* near, const std::uint8_t* far, int n, std::uint8_t* out) {
  const auto column = [&](int i) { return 3 * near[i] + far[i]; };
  for (int i = 0; i < n; ++i) {
    out[2 * i] = static_cast<std::uint8_t>((3 * column(i) + column(i - 1) + 8) >> 4);
    out[2 * i + 1] = static_cast<std::uint8_t>((3 * column(i) + column(i + 1) + 7) >> 4);
  }
}

void upsample_down(const std::uint8_t* near, const std::uint8_t* far, int bias, int n, std::uint8_t* out) {
  for (int i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>((3 * near[i] + far[i] + bias) >> 2);
}

// libjpeg's jdcolor.c: constants with 16 bits behind the point.
void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* r,
            std::uint8_t* g, std::uint8_t* b) {
  constexpr int kHalf = 1 << 15;
  constexpr int kFix1_40200 = 91881, kFix1_77200 = 116130, kFix0_71414 = 46802, kFix0_34414 = 22554;
  const auto sample = [](int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
  for (int i = 0; i < n; ++i) {
    const int blue = cb[i] - 128, red = cr[i] - 128;
    r[i] = sample(y[i] + ((kFix1_40200 * red + kHalf) >> 16));
    g[i] = sample(y[i] + ((-kFix0_34414 * blue - kFix0_71414 * red + kHalf) >> 16));
    b[i] = sample(y[i] + ((kFix1_77200 * blue + kHalf) >> 16));
  }
}

void interleave(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, int n, bool flip,
                std::uint8_t* out) {
  for (int i = 0; i < n; ++i, out += 3) {
    const int from = flip ? n - 1 - i : i;
    out[0] = r[from];
    out[1] = g[from];
    out[2] = b[from];
  }
}

void deinterleave(const std::uint8_t* in, int n, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b) {
  for (int i = 0; i < n; ++i, in += 3) {
    r[i] = in[0];
    g[i] = in[1];
    b[i] = in[2];
  }
}

}  // namespace mosaic::portable
