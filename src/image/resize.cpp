#include "image/resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace mosaic {
namespace {

constexpr int kChannels = 3;
constexpr int kFractionBits = 22;  // of a weight; products with 8-bit pixels, summed up, fit into 32 bits
constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

std::uint8_t to_pixel(std::int32_t sum) {
  const std::int32_t value = sum >> kFractionBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// One row: out[i] from the pixels of `in`. `step` is 3, or -3 to write from right to left.
void scale_row(const std::uint8_t* in, const ResizeFilter& filter, std::uint8_t* out, int step) {
  const std::size_t outputs = filter.first.size();
  for (std::size_t i = 0; i < outputs; ++i, out += step) {
    const std::uint8_t* pixel = in + static_cast<std::size_t>(filter.first[i]) * kChannels;
    const std::int32_t* weights = &filter.weights[i * filter.stride];
    std::int32_t r = kHalf, g = kHalf, b = kHalf;
    for (int k = 0; k < filter.count[i]; ++k, pixel += kChannels) {
      r += pixel[0] * weights[k];
      g += pixel[1] * weights[k];
      b += pixel[2] * weights[k];
    }
    out[0] = to_pixel(r);
    out[1] = to_pixel(g);
    out[2] = to_pixel(b);
  }
}

/// One row from `count` rows, `stride` bytes apart. In pieces that stay in registers and the first-level cache.
void mix_rows(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count, std::size_t bytes,
              std::uint8_t* out) {
  constexpr std::size_t kPiece = 64;
  std::int32_t sums[kPiece];
  for (std::size_t begin = 0; begin < bytes; begin += kPiece) {
    const std::size_t n = std::min(kPiece, bytes - begin);
    std::fill_n(sums, kPiece, kHalf);
    for (int k = 0; k < count; ++k) {
      const std::uint8_t* row = in + begin + static_cast<std::size_t>(k) * stride;
      const std::int32_t weight = weights[k];
      if (n == kPiece) {  // a length known to the compiler
        for (std::size_t i = 0; i < kPiece; ++i) sums[i] += row[i] * weight;
      } else {
        for (std::size_t i = 0; i < n; ++i) sums[i] += row[i] * weight;
      }
    }
    for (std::size_t i = 0; i < n; ++i) out[begin + i] = to_pixel(sums[i]);
  }
}

void mirror_row(const std::uint8_t* in, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x)
    std::copy_n(in + static_cast<std::size_t>(width - 1 - x) * kChannels, kChannels,
                out + static_cast<std::size_t>(x) * kChannels);
}

/// Part of what a scaled picture would be: `window` of `box` scaled to `scaled`, mirrored within the window if `flip`.
/// Rows of the result are `out_stride` bytes apart.
void scale_window(ImageView image, Box box, Size scaled, Box window, bool flip, ResizeScratch& scratch,
                  std::uint8_t* out, std::size_t out_stride) {
  const std::size_t window_bytes = static_cast<std::size_t>(window.width) * kChannels;
  const bool across = scaled.width != box.width;
  const bool down = scaled.height != box.height;

  int first_row = window.top, rows = window.height;  // of the box: what the vertical pass needs
  if (down) {
    make_filter(box.height, scaled.height, window.top, window.top + window.height, scratch.down);
    first_row = scratch.down.first.front();
    rows = scratch.down.first.back() + scratch.down.count.back() - first_row;
  }

  const std::size_t image_stride = static_cast<std::size_t>(image.width) * kChannels;
  const std::uint8_t* source = image.rgb + static_cast<std::size_t>(box.top + first_row) * image_stride +
                               static_cast<std::size_t>(box.left) * kChannels;
  std::size_t source_stride = image_stride;

  if (across || flip) {
    std::uint8_t* to = out;
    std::size_t to_stride = out_stride;
    if (down) {
      if (scratch.rows.size() < rows * window_bytes) scratch.rows.resize(rows * window_bytes);
      to = scratch.rows.data();
      to_stride = window_bytes;
    }
    if (across) make_filter(box.width, scaled.width, window.left, window.left + window.width, scratch.across);
    for (int y = 0; y < rows; ++y, source += source_stride) {
      std::uint8_t* row = to + static_cast<std::size_t>(y) * to_stride;
      if (!across) {
        mirror_row(source + static_cast<std::size_t>(window.left) * kChannels, window.width, row);
      } else if (flip) {
        scale_row(source, scratch.across, row + window_bytes - kChannels, -kChannels);
      } else {
        scale_row(source, scratch.across, row, kChannels);
      }
    }
    source = to;
    source_stride = to_stride;
  } else {
    source += static_cast<std::size_t>(window.left) * kChannels;
  }
  if (!down && (across || flip)) return;  // it is there already

  for (int y = 0; y < window.height; ++y, out += out_stride) {
    if (down) {
      mix_rows(source + static_cast<std::size_t>(scratch.down.first[y] - first_row) * source_stride, source_stride,
               &scratch.down.weights[static_cast<std::size_t>(y) * scratch.down.stride], scratch.down.count[y],
               window_bytes, out);
    } else {
      std::memcpy(out, source + static_cast<std::size_t>(y) * source_stride, window_bytes);
    }
  }
}

int centre_corner(int size, int crop) {
  if (size < crop) return -((crop - size) / 2);
  const int twice = size - crop;  // corner is half of it, half to even
  return twice / 2 + (twice % 4 == 3 ? 1 : 0);
}

}  // namespace

// A triangle as wide as two input pixels where it enlarges, two output pixels where it reduces. Every operation, and its
// order, decides bits.
void make_filter(int in_size, int out_size, int begin, int end, ResizeFilter& filter, double cut_first,
                 double cut_last) {
  const double scale = (in_size - cut_first - cut_last) / out_size;
  const double support = std::max(scale, 1.0);
  const double inverse_support = 1.0 / support;
  filter.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  const auto outputs = static_cast<std::size_t>(end - begin);
  filter.first.resize(outputs);
  filter.count.resize(outputs);
  filter.weights.resize(outputs * filter.stride);
  for (int i = begin; i < end; ++i) {
    const double centre = cut_first + (i + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(centre - support + 0.5));
    const int high = std::min(in_size, static_cast<int>(centre + support + 0.5));
    const auto weight = [&](int source) {
      return std::max(0.0, 1.0 - std::abs((source - centre + 0.5) * inverse_support));
    };
    double sum = 0;
    for (int source = low; source < high; ++source) sum += weight(source);
    std::int32_t* weights = &filter.weights[static_cast<std::size_t>(i - begin) * filter.stride];
    for (int source = low; source < high; ++source)
      *weights++ = static_cast<std::int32_t>(0.5 + weight(source) / sum * (1 << kFractionBits));
    filter.first[i - begin] = low;
    filter.count[i - begin] = high - low;
  }
}

void resize_crop(ImageView image, Box box, int out_width, int out_height, bool flip, ResizeScratch& scratch,
                 std::uint8_t* out) {
  assert(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0);
  assert(box.left + box.width <= image.width && box.top + box.height <= image.height);
  scale_window(image, box, {out_width, out_height}, {0, 0, out_width, out_height}, flip, scratch, out,
               static_cast<std::size_t>(out_width) * kChannels);
}

Size resized_to_shorter(int width, int height, int shorter) {
  const auto longer = [&](int long_side, int short_side) {
    return static_cast<int>(static_cast<std::int64_t>(shorter) * long_side / short_side);
  };
  return width <= height ? Size{shorter, longer(height, width)} : Size{longer(width, height), shorter};
}

Corner center_crop_corner(int width, int height, int crop_size) {
  return {centre_corner(width, crop_size), centre_corner(height, crop_size)};
}

void resize_center_crop(ImageView image, int resize_size, int crop_size, ResizeScratch& scratch, std::uint8_t* out) {
  const Size scaled =
      resize_size > 0 ? resized_to_shorter(image.width, image.height, resize_size) : Size{image.width, image.height};
  const Corner corner = center_crop_corner(scaled.width, scaled.height, crop_size);
  const std::size_t stride = static_cast<std::size_t>(crop_size) * kChannels;
  const Box window{std::max(corner.left, 0), std::max(corner.top, 0), std::min(scaled.width, crop_size),
                   std::min(scaled.height, crop_size)};
  if (window.width < crop_size || window.height < crop_size) std::fill_n(out, stride * crop_size, std::uint8_t{0});
  std::uint8_t* to = out + static_cast<std::size_t>(std::max(-corner.top, 0)) * stride +
                     static_cast<std::size_t>(std::max(-corner.left, 0)) * kChannels;
  scale_window(image, {0, 0, image.width, image.height}, scaled, window, false, scratch, to, stride);
}

}  // namespace mosaic
