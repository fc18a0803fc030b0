#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mosaic {

/// Which pixels of an image take part in a convolution: every step-th of every step-th line.
struct AmxPixels {
  std::int64_t height, width, step;  // of the image, in pixels
};

/// What a convolution's products go through, row after row of a matrix: the pixels of n images of height x width, line by
/// line, with `border` (0 or 1) positions of zeros after each line, and as many lines of zeros after each image. Then the
/// neighbours of a pixel lie at distances that are the same for all, and beyond an image's border is a zero. Each position
/// stands for a pixel of x and one of y.
struct AmxPositions {
  std::int64_t n, height, width, border;
  AmxPixels x, y;

  /// Of a 1x1 convolution (side 1), or of a 3x3 with padding 1 and stride 1 (side 3), from n images to n images.
  static AmxPositions of(std::int64_t side, std::int64_t n, const AmxPixels& x, const AmxPixels& y) {
    if (side == 3) return {n, y.height, y.width, 1, x, y};
    if (x.step > 1) return {n, y.height, y.width, 0, x, y};
    const AmxPixels one_line{1, n * y.height * y.width, 1};
    return {1, 1, one_line.width, 0, one_line, one_line};
  }

  std::int64_t pitch() const { return width + border; }
  std::int64_t count() const { return n * (height + border) * pitch(); }
  /// How far before and after a position its neighbours lie.
  std::int64_t halo() const { return border * (pitch() + 1); }

  /// Of the neighbours, in the order of the filter: their distances from the first one.
  std::vector<std::int64_t> tap_offsets() const {
    if (border == 0) return {0};
    return {0, 1, 2, pitch(), pitch() + 1, pitch() + 2, 2 * pitch(), 2 * pitch() + 1, 2 * pitch() + 2};
  }

  /// Where the pixels of a range of positions, which may reach beyond the first and last, lie in an image of so many
  /// channels. out[i] is that of position first + i.
  /// @param pixels  `x` or `y`, for an image of that kind
  /// @param zero  for positions that are no pixels
  template <class T>
  void rows(const AmxPixels& pixels, T* image, std::int64_t channels, std::int64_t first, std::int64_t number, T* zero,
            T** out) const {
    const std::int64_t end = first + number;
    for (std::int64_t at = first; at < end;) {
      std::int64_t next = end;
      if (at < 0) next = std::min<std::int64_t>(end, 0);
      if (at < 0 || at >= count()) {
        std::fill(out + (at - first), out + (next - first), zero);
        at = next;
        continue;
      }
      const std::int64_t line = at / pitch(), column = at % pitch();
      const std::int64_t number_of_image = line / (height + border), line_of_image = line % (height + border);
      const bool is_pixel = line_of_image < height && column < width;
      next = std::min(end, at + (is_pixel ? width : pitch()) - column);
      T* row = zero;
      std::int64_t step = 0;
      if (is_pixel) {
        const std::int64_t above = number_of_image * pixels.height + line_of_image * pixels.step;
        row = image + (above * pixels.width + column * pixels.step) * channels;
        step = pixels.step * channels;
      }
      for (; at < next; ++at, row += step) out[at - first] = row;
    }
  }
};

}  // namespace mosaic
