#pragma once

#include <cstdint>

#include "model/blur_kernels.h"
#include "model/vectors.h"

/// The kernels of blur_kernels.h, once for all instruction sets: see vectors.h.

namespace mosaic {
namespace {

/// Three rows of an image, of which the first and last may be missing: beyond the border all is zero.
template <class T>
struct ThreeRows {
  const T* above;
  const T* middle;
  const T* below;

  /// @param y  the middle's number in an image that begins at `image`
  ThreeRows(const T* image, const BlurSize& size, std::int64_t y) {
    const std::int64_t pitch = size.width * size.channels;
    middle = image + y * pitch;
    above = y > 0 ? middle - pitch : nullptr;
    below = y + 1 < size.height ? middle + pitch : nullptr;
  }

  /// 1 2 1 down a column.
  template <class V>
  V column(std::int64_t at) const {
    V outer{};
    if (above) outer = load<V>(above + at);
    if (below) outer += load<V>(below + at);
    return outer + 2 * load<V>(middle + at);
  }
};

template <class T>
void blur_forward(const T* x, const BlurSize& size, const RowRange& rows, T* y) {
  const std::int64_t channels = size.channels, pitch = size.width * channels;
  for (std::int64_t row = rows.first; row < rows.first + rows.number; ++row) {
    const ThreeRows<T> in(x + row / size.height * size.height * pitch, size, row % size.height);
    T* out = y + row * pitch;
    for_channels(channels, [&]<class V>(std::int64_t c) {
      V left{}, middle = in.template column<V>(c);
      for (std::int64_t at = c; at < pitch; at += channels) {
        const V right = at + channels < pitch ? in.template column<V>(at + channels) : V{};
        store(out + at, (left + right + 2 * middle) * 0.0625f);
        left = middle;
        middle = right;
      }
    });
  }
}

template <class T>
void blur_forward_halving(const T* x, const BlurSize& size, const RowRange& rows, T* y) {
  const std::int64_t channels = size.channels, pitch = size.width * channels;
  const std::int64_t out_height = (size.height + 1) / 2, out_pitch = (size.width + 1) / 2 * channels;
  for (std::int64_t row = rows.first; row < rows.first + rows.number; ++row) {
    const ThreeRows<T> in(x + row / out_height * size.height * pitch, size, 2 * (row % out_height));
    T* out = y + row * out_pitch;
    for_channels(channels, [&]<class V>(std::int64_t c) {
      V left{};
      for (std::int64_t at = c, to = c; at < pitch; at += 2 * channels, to += channels) {
        const V middle = in.template column<V>(at);
        const V right = at + channels < pitch ? in.template column<V>(at + channels) : V{};
        store(out + to, (left + right + 2 * middle) * 0.0625f);
        left = right;
      }
    });
  }
}

/// The rows of dy that a row of dx has got its share from: one, counted twice, or two, of which the second may be
/// missing.
template <class T>
struct HalvedRows {
  const T* first;
  const T* second;

  HalvedRows(const T* image, std::int64_t height, std::int64_t pitch, std::int64_t y) {
    first = image + y / 2 * pitch;
    second = y % 2 == 0 ? first : y / 2 + 1 < height ? first + pitch : nullptr;
  }

  template <class V>
  V column(std::int64_t at) const {
    const V v = load<V>(first + at);
    return second ? v + load<V>(second + at) : v;
  }
};

template <class T>
void blur_backward_halving(const T* dy, const BlurSize& size, const RowRange& rows, T* dx) {
  const std::int64_t channels = size.channels, pitch = size.width * channels;
  const std::int64_t in_height = (size.height + 1) / 2, in_pitch = (size.width + 1) / 2 * channels;
  for (std::int64_t row = rows.first; row < rows.first + rows.number; ++row) {
    const HalvedRows<T> in(dy + row / size.height * in_height * in_pitch, in_height, in_pitch, row % size.height);
    T* out = dx + row * pitch;
    for_channels(channels, [&]<class V>(std::int64_t c) {
      V here = in.template column<V>(c);
      for (std::int64_t at = c, to = c; at < in_pitch; at += channels, to += 2 * channels) {
        store(out + to, (here + here) * 0.0625f);
        if (to + channels >= pitch) break;  // an odd width ends with an even column
        const V next = at + channels < in_pitch ? in.template column<V>(at + channels) : V{};
        store(out + to + channels, (here + next) * 0.0625f);
        here = next;
      }
    });
  }
}

template <class T>
constexpr BlurKernels<T> kBlurKernels = {
    .forward = blur_forward<T>,
    .forward_halving = blur_forward_halving<T>,
    .backward_halving = blur_backward_halving<T>,
};

}  // namespace
}  // namespace mosaic
