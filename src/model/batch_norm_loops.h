#pragma once

#include <cstdint>

#include "model/batch_norm_kernels.h"
#include "model/vectors.h"

/// The kernels of batch_norm_kernels.h, once for all instruction sets: see vectors.h.

namespace mosaic {
namespace {

template <class V>
inline V relu(V z) {
  return z < 0 ? V{} : z;  // NaN stays
}

template <class V>
inline V normalised(V x, const Normalisation& norm, std::int64_t c) {
  return (x - load<V>(norm.mean + c)) * load<V>(norm.scale + c) + load<V>(norm.bias + c);
}

template <class V>
inline V input_gradient(V x, V g, const InputGradient& d, std::int64_t c) {
  return load<V>(d.scale + c) * g + (load<V>(d.slope + c) * (x - load<V>(d.mean + c)) + load<V>(d.offset + c));
}

inline float keep_of(const KeepRows& k, std::int64_t row) {
  return k.keep ? k.keep[(k.first_row + row) / k.rows_per_image] : 1;
}

/// Calls f(row, number) for pieces of the rows so short that for all of them the sums of a few channels stay in
/// registers.
template <class F>
inline void for_pieces(std::int64_t rows, const F& f) {
  constexpr std::int64_t kPiece = 8;
  for (std::int64_t row = 0; row < rows; row += kPiece) f(row, rows - row < kPiece ? rows - row : kPiece);
}

inline void clear(float* p, std::int64_t n) { __builtin_memset(p, 0, static_cast<std::uint64_t>(n) * sizeof *p); }

template <class T>
void statistics(const T* x, std::int64_t rows, std::int64_t channels, const float* centre, float* sum, float* squares) {
  clear(sum, channels);
  clear(squares, channels);
  for_pieces(rows, [&](std::int64_t row, std::int64_t number) {
    for_channels(channels, [&]<class V>(std::int64_t c) {
      const V middle = load<V>(centre + c);
      V s = load<V>(sum + c), q = load<V>(squares + c);
      for (std::int64_t i = 0; i < number; ++i) {
        const V d = load<V>(x + (row + i) * channels + c) - middle;
        s += d;
        q += d * d;
      }
      store(sum + c, s);
      store(squares + c, q);
    });
  });
}

template <class T>
void relu_forward(const T* x, std::int64_t rows, std::int64_t channels, const Normalisation& norm, T* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += channels, y += channels)
    for_channels(channels, [&]<class V>(std::int64_t c) { store(y + c, relu(normalised(load<V>(x + c), norm, c))); });
}

template <class T>
void add_relu_forward(const T* x, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
                      const KeepRows& keep, const Shortcut<T>& shortcut, T* y) {
  const T* r = shortcut.x;
  const bool plain = shortcut.norm.mean == nullptr;
  for (std::int64_t row = 0; row < rows; ++row, x += channels, r += channels, y += channels) {
    const float kept = keep_of(keep, row);
    if (plain)
      for_channels(channels, [&]<class V>(std::int64_t c) {
        store(y + c, relu(normalised(load<V>(x + c), norm, c) * kept + load<V>(r + c)));
      });
    else
      for_channels(channels, [&]<class V>(std::int64_t c) {
        store(y + c, relu(normalised(load<V>(x + c), norm, c) * kept + normalised(load<V>(r + c), shortcut.norm, c)));
      });
  }
}

template <class T>
void relu_sums(const T* x, const T* dy, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
               const GradientSums& sums) {
  clear(sums.g, channels);
  clear(sums.g_centred, channels);
  for_pieces(rows, [&](std::int64_t row, std::int64_t number) {
    for_channels(channels, [&]<class V>(std::int64_t c) {
      const V mean = load<V>(norm.mean + c), scale = load<V>(norm.scale + c), bias = load<V>(norm.bias + c);
      V s = load<V>(sums.g + c), q = load<V>(sums.g_centred + c);
      for (std::int64_t i = 0; i < number; ++i) {
        const std::int64_t at = (row + i) * channels + c;
        const V centred = load<V>(x + at) - mean;
        const V g = centred * scale + bias <= 0 ? V{} : load<V>(dy + at);
        s += g;
        q += g * centred;
      }
      store(sums.g + c, s);
      store(sums.g_centred + c, q);
    });
  });
}

template <class T>
void relu_backward(const T* x, const T* dy, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
                   const InputGradient& gradient, T* dx) {
  for (std::int64_t row = 0; row < rows; ++row, x += channels, dy += channels, dx += channels)
    for_channels(channels, [&]<class V>(std::int64_t c) {
      const V v = load<V>(x + c);
      const V g = normalised(v, norm, c) <= 0 ? V{} : load<V>(dy + c);
      store(dx + c, input_gradient(v, g, gradient, c));
    });
}

/// @tparam kDownsample  the shortcut has a batch norm
template <bool kDownsample, class T>
void add_relu_sums_of(const T* x, const T* y, const T* dy, const T* dy2, std::int64_t rows, std::int64_t channels,
                      const float* mean, const KeepRows& keep, const Shortcut<T>& shortcut, T* g,
                      const GradientSums& sums, const GradientSums& shortcut_sums) {
  clear(sums.g, channels);
  clear(sums.g_centred, channels);
  if (kDownsample) {
    clear(shortcut_sums.g, channels);
    clear(shortcut_sums.g_centred, channels);
  }
  for_pieces(rows, [&](std::int64_t row, std::int64_t number) {
    for_channels(channels, [&]<class V>(std::int64_t c) {
      const V middle = load<V>(mean + c);
      V s = load<V>(sums.g + c), q = load<V>(sums.g_centred + c);
      V shortcut_middle{}, t{}, u{};
      if constexpr (kDownsample) {
        shortcut_middle = load<V>(shortcut.norm.mean + c);
        t = load<V>(shortcut_sums.g + c);
        u = load<V>(shortcut_sums.g_centred + c);
      }
      for (std::int64_t i = 0; i < number; ++i) {
        const std::int64_t at = (row + i) * channels + c;
        V total = load<V>(dy + at);
        if (dy2) total += load<V>(dy2 + at);
        total = rounded<T>(load<V>(y + at) <= 0 ? V{} : total);
        store(g + at, total);
        const V branch = total * keep_of(keep, row + i);
        s += branch;
        q += branch * (load<V>(x + at) - middle);
        if constexpr (kDownsample) {
          t += total;
          u += total * (load<V>(shortcut.x + at) - shortcut_middle);
        }
      }
      store(sums.g + c, s);
      store(sums.g_centred + c, q);
      if constexpr (kDownsample) {
        store(shortcut_sums.g + c, t);
        store(shortcut_sums.g_centred + c, u);
      }
    });
  });
}

template <class T>
void add_relu_sums(const T* x, const T* y, const T* dy, const T* dy2, std::int64_t rows, std::int64_t channels,
                   const float* mean, const KeepRows& keep, const Shortcut<T>& shortcut, T* g, const GradientSums& sums,
                   const GradientSums& shortcut_sums) {
  const auto kernel = shortcut.norm.mean ? add_relu_sums_of<true, T> : add_relu_sums_of<false, T>;
  kernel(x, y, dy, dy2, rows, channels, mean, keep, shortcut, g, sums, shortcut_sums);
}

template <class T>
void backward(const T* x, const T* g, std::int64_t rows, std::int64_t channels, const KeepRows& keep,
              const InputGradient& gradient, T* dx) {
  for (std::int64_t row = 0; row < rows; ++row, x += channels, g += channels, dx += channels) {
    const float kept = keep_of(keep, row);
    for_channels(channels, [&]<class V>(std::int64_t c) {
      store(dx + c, input_gradient(load<V>(x + c), load<V>(g + c) * kept, gradient, c));
    });
  }
}

template <class T>
constexpr BatchNormKernels<T> kKernels = {
    .statistics = statistics<T>,
    .relu_forward = relu_forward<T>,
    .add_relu_forward = add_relu_forward<T>,
    .relu_sums = relu_sums<T>,
    .relu_backward = relu_backward<T>,
    .add_relu_sums = add_relu_sums<T>,
    .backward = backward<T>,
};

}  // namespace
}  // namespace mosaic
