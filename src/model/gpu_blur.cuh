#pragma once

#include "base/cuda_kernel.cuh"
#include "model/gpu_blur.h"

/// The kernels of gpu_blur.h.
///
/// A thread makes kSegment pixels of a row, kSize channels of each: it reads every input once for the three results
/// that it is part of in the row. Neighbours have neighbouring channels.

namespace mosaic {
namespace {

constexpr int kSegment = 8;
constexpr int kBlurThreads = 256;

/// Where a thread begins: one vector of channels in a segment of a row of the result.
struct BlurPlace {
  std::int64_t image, row, first, last, channel;
  bool inside;

  /// @param height, width  of the result
  template <int kSize>
  __device__ static BlurPlace of_thread(std::int64_t images, std::int64_t height, std::int64_t width,
                                        std::int64_t channels) {
    const std::int64_t vectors = channels / kSize, segments = (width + kSegment - 1) / kSegment;
    std::int64_t rest = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    BlurPlace p{};
    p.channel = rest % vectors * kSize;
    rest /= vectors;
    p.first = rest % segments * kSegment;
    p.last = p.first + kSegment < width ? p.first + kSegment : width;
    rest /= segments;
    p.row = rest % height;
    p.image = rest / height;
    p.inside = p.image < images;
    return p;
  }
};

template <int kSize>
dim3 blur_grid(std::int64_t images, std::int64_t height, std::int64_t width, std::int64_t channels) {
  const std::int64_t threads = images * height * ((width + kSegment - 1) / kSegment) * (channels / kSize);
  return dim3(static_cast<unsigned>((threads + kBlurThreads - 1) / kBlurThreads));
}

template <int kSize>
__device__ void add(Floats<kSize>& to, const Floats<kSize>& v) {
  for (int i = 0; i < kSize; ++i) to[i] += v[i];
}

/// (left + right + 2 middle) / 16, which is the filter's row on sums of columns.
template <int kSize, class T>
__device__ void store_blurred(T* to, const Floats<kSize>& left, const Floats<kSize>& middle,
                              const Floats<kSize>& right) {
  Floats<kSize> v;
  for (int i = 0; i < kSize; ++i) v[i] = (left[i] + right[i] + 2 * middle[i]) * 0.0625f;
  store(to, v);
}

/// 1 2 1 down column `x` at row `y`; 0 beyond the border.
template <int kSize, class T>
__device__ Floats<kSize> blur_column(const T* image, const BlurSize& size, std::int64_t y, std::int64_t x,
                                     std::int64_t channel) {
  Floats<kSize> sum{};
  if (x < 0 || x >= size.width) return sum;
  const std::int64_t pitch = size.width * size.channels;
  const T* middle = image + y * pitch + x * size.channels + channel;
  if (y > 0) add(sum, load<kSize>(middle - pitch));
  if (y + 1 < size.height) add(sum, load<kSize>(middle + pitch));
  const auto m = load<kSize>(middle);
  for (int i = 0; i < kSize; ++i) sum[i] += 2 * m[i];
  return sum;
}

/// @tparam kStride  1 or 2
template <int kStride, int kSize, class T>
__global__ void blur_forward_kernel(const T* x, std::int64_t images, BlurSize size, T* y) {
  const std::int64_t height = (size.height + kStride - 1) / kStride, width = (size.width + kStride - 1) / kStride;
  const auto p = BlurPlace::of_thread<kSize>(images, height, width, size.channels);
  if (!p.inside) return;
  const T* image = x + p.image * size.height * size.width * size.channels;
  T* to = y + ((p.image * height + p.row) * width + p.first) * size.channels + p.channel;
  const auto column = [&](std::int64_t at) { return blur_column<kSize>(image, size, p.row * kStride, at, p.channel); };
  auto left = column(p.first * kStride - 1), middle = column(p.first * kStride);
  for (std::int64_t j = p.first; j < p.last; ++j, to += size.channels) {
    const auto right = column(j * kStride + 1);
    store_blurred(to, left, middle, right);
    left = kStride == 1 ? middle : right;
    middle = kStride == 1 ? right : column((j + 1) * kStride);
  }
}

/// What row `y` of dx has got its share from, down column `x` of dy: one row, counted twice, or two, of which the
/// second may be missing; 0 beyond the border.
template <int kSize, class T>
__device__ Floats<kSize> halved_column(const T* image, const BlurSize& halved, std::int64_t y, std::int64_t x,
                                       std::int64_t channel) {
  if (x >= halved.width) return {};
  const std::int64_t pitch = halved.width * halved.channels;
  const T* first = image + y / 2 * pitch + x * halved.channels + channel;
  auto sum = load<kSize>(first);
  if (y % 2 == 0)
    add(sum, sum);
  else if (y / 2 + 1 < halved.height)
    add(sum, load<kSize>(first + pitch));
  return sum;
}

/// A thread makes the pixels of dx that belong to kSegment of dy: twice as many.
template <int kSize, class T>
__global__ void blur_backward_halving_kernel(const T* dy, std::int64_t images, BlurSize size, T* dx) {
  const BlurSize halved{(size.height + 1) / 2, (size.width + 1) / 2, size.channels};
  const auto p = BlurPlace::of_thread<kSize>(images, size.height, halved.width, size.channels);
  if (!p.inside) return;
  const T* image = dy + p.image * halved.height * halved.width * size.channels;
  T* to = dx + ((p.image * size.height + p.row) * size.width + 2 * p.first) * size.channels + p.channel;
  const auto column = [&](std::int64_t at) { return halved_column<kSize>(image, halved, p.row, at, p.channel); };
  const Floats<kSize> none{};
  auto here = column(p.first);
  for (std::int64_t j = p.first; j < p.last; ++j, to += 2 * size.channels) {
    store_blurred(to, none, here, none);
    if (2 * j + 1 >= size.width) break;  // an odd width ends with an even column
    const auto next = column(j + 1);
    store_blurred(to + size.channels, here, none, next);
    here = next;
  }
}

template <int kStride, class T>
void start_blur_forward(const T* x, std::int64_t images, const BlurSize& size, T* y, StreamHandle stream) {
  const auto start = [&]<int kSize>() {
    const auto grid = blur_grid<kSize>(images, (size.height + kStride - 1) / kStride,
                                       (size.width + kStride - 1) / kStride, size.channels);
    launch(blur_forward_kernel<kStride, kSize, T>, grid, dim3(kBlurThreads), stream, x, images, size, y);
  };
  in_vectors<T>(size.channels, x, y) ? start.template operator()<kVector<T>>() : start.template operator()<1>();
}

template <class T>
void start_blur_backward_halving(const T* dy, std::int64_t images, const BlurSize& size, T* dx, StreamHandle stream) {
  const auto start = [&]<int kSize>() {
    const auto grid = blur_grid<kSize>(images, size.height, (size.width + 1) / 2, size.channels);
    launch(blur_backward_halving_kernel<kSize, T>, grid, dim3(kBlurThreads), stream, dy, images, size, dx);
  };
  in_vectors<T>(size.channels, dy, dx) ? start.template operator()<kVector<T>>() : start.template operator()<1>();
}

template <class T>
constexpr GpuBlurKernels<T> kGpuBlur = {
    .forward = start_blur_forward<1, T>,
    .forward_halving = start_blur_forward<2, T>,
    .backward_halving = start_blur_backward_halving<T>,
};

}  // namespace
}  // namespace mosaic
