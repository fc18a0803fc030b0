#pragma once

#include "base/cuda_kernel.cuh"
#include "model/gpu_batch_norm.h"

/// The kernels of gpu_batch_norm.h.
///
/// A thread owns kSize channels side by side and walks down rows: what belongs to the channels stays in its registers,
/// and neighbours read neighbouring memory.

namespace mosaic {
namespace {

constexpr int kThreads = 256;
constexpr int kFinishLanes = 8;  // threads that share the parts of a channel's sum

/// How many threads of a block stand side by side; the others stand on rows below.
__host__ __device__ inline int threads_across(std::int64_t vectors) {
  int threads = 1;
  while (threads < 32 && threads < vectors) threads *= 2;
  return threads;
}

template <int kSize>
unsigned blocks_across(const GpuRows& rows) {
  const std::int64_t vectors = rows.channels / kSize, across = threads_across(vectors);
  return static_cast<unsigned>((vectors + across - 1) / across);
}

/// For a kernel that writes images.
template <int kSize>
dim3 image_grid(const GpuRows& rows) {
  const std::int64_t threads_down = kThreads / threads_across(rows.channels / kSize), rows_each = 4;
  const std::int64_t high = (rows.rows + threads_down * rows_each - 1) / (threads_down * rows_each);
  return dim3(blocks_across<kSize>(rows), static_cast<unsigned>(high < 8192 ? high : 8192));
}

/// For one that sums.
template <int kSize>
dim3 sum_grid(const GpuRows& rows) {
  return dim3(blocks_across<kSize>(rows), static_cast<unsigned>(rows.parts()));
}

template <int kSize>
dim3 block_of(const GpuRows& rows) {
  const int across = threads_across(rows.channels / kSize);
  return dim3(static_cast<unsigned>(across), static_cast<unsigned>(kThreads / across));
}

/// This thread's channels and rows.
template <int kSize>
struct Walk {
  std::int64_t channel, row, step;

  __device__ Walk()
      : channel((static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kSize),
        row(static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y),
        step(static_cast<std::int64_t>(gridDim.y) * blockDim.y) {}

  /// Calls f(row, offset of the vector in the image) for each row.
  template <class F>
  __device__ void for_rows(const GpuRows& rows, const F& f) const {
    if (channel >= rows.channels) return;
    for (std::int64_t r = row; r < rows.rows; r += step) f(r, r * rows.channels + channel);
  }

  /// This thread's part of (channels) values; 0 where there is nothing to read.
  __device__ Floats<kSize> own(const float* values, const GpuRows& rows) const {
    Floats<kSize> v{};
    if (values && channel < rows.channels)
      for (int i = 0; i < kSize; ++i) v[i] = values[channel + i];
    return v;
  }
};

template <int kSize>
struct OwnNorm {
  Floats<kSize> mean, scale, bias;

  __device__ OwnNorm(const Walk<kSize>& walk, const Normalisation& norm, const GpuRows& rows)
      : mean(walk.own(norm.mean, rows)), scale(walk.own(norm.scale, rows)), bias(walk.own(norm.bias, rows)) {}

  __device__ float operator()(float x, int i) const { return (x - mean[i]) * scale[i] + bias[i]; }
};

template <int kSize>
struct OwnGradient {
  Floats<kSize> mean, scale, slope, offset;

  __device__ OwnGradient(const Walk<kSize>& walk, const InputGradient& d, const GpuRows& rows)
      : mean(walk.own(d.mean, rows)),
        scale(walk.own(d.scale, rows)),
        slope(walk.own(d.slope, rows)),
        offset(walk.own(d.offset, rows)) {}

  __device__ float operator()(float x, float g, int i) const {
    return scale[i] * g + (slope[i] * (x - mean[i]) + offset[i]);
  }
};

__device__ inline float relu(float z) { return z < 0 ? 0 : z; }  // NaN stays

__device__ inline float kept(const float* keep, std::int64_t row, const GpuRows& rows) {
  if (!keep) return 1;
  // Fewer than 2^32 rows: 32 bits are divided several times as fast as 64.
  return keep[static_cast<std::uint32_t>(row) / static_cast<std::uint32_t>(rows.rows_per_image)];
}

/// Adds up the sums of the block's threads that stand on the same channels, and writes them as the block's part.
/// @param parts  (gridDim.y, kSums, channels)
template <int kSums, int kSize>
__device__ void write_part(const Floats<kSize> (&sums)[kSums], const GpuRows& rows, float* parts) {
  __shared__ float memory[kSums * kSize * kThreads];
  const int across = static_cast<int>(blockDim.x), down = static_cast<int>(blockDim.y);
  const int thread = static_cast<int>(threadIdx.y) * across + static_cast<int>(threadIdx.x);
  for (int s = 0; s < kSums; ++s)
    for (int i = 0; i < kSize; ++i) memory[(s * kSize + i) * kThreads + thread] = sums[s][i];
  __syncthreads();
  for (int value = thread; value < kSums * kSize * across; value += kThreads) {
    const int which = value / across, x = value % across;
    float total = 0;
    for (int y = 0; y < down; ++y) total += memory[which * kThreads + y * across + x];
    const std::int64_t channel = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + x) * kSize + which % kSize;
    if (channel < rows.channels)
      parts[(static_cast<std::int64_t>(blockIdx.y) * kSums + which / kSize) * rows.channels + channel] = total;
  }
}

/// About the mean of each channel, from four rows spread over the image: sums of differences from it do not cancel.
template <int kSize, class T>
__device__ Floats<kSize> near_mean(const T* x, const GpuRows& rows, std::int64_t channel) {
  constexpr int kSamples = 4;
  Floats<kSize> mean{};
  for (int s = 0; s < kSamples; ++s) {
    const std::int64_t row = (2 * s + 1) * rows.rows / (2 * kSamples);
    const auto v = load<kSize>(x + row * rows.channels + channel);
    for (int i = 0; i < kSize; ++i) mean[i] += v[i] / kSamples;
  }
  return mean;
}

template <int kSize, class T>
__global__ void statistics_kernel(const T* x, GpuRows rows, float* parts) {
  const Walk<kSize> walk;
  Floats<kSize> sums[2] = {};
  if (walk.channel < rows.channels) {
    const auto centre = near_mean<kSize>(x, rows, walk.channel);
    walk.for_rows(rows, [&](std::int64_t, std::int64_t at) {
      const auto v = load<kSize>(x + at);
      for (int i = 0; i < kSize; ++i) {
        const float d = v[i] - centre[i];
        sums[0][i] += d;
        sums[1][i] += d * d;
      }
    });
  }
  write_part(sums, rows, parts);
}

/// The sums over all parts of this thread's channel, known to the threads with threadIdx.y 0. For blocks of
/// 32 x kFinishLanes threads.
/// @param count  of the sums that a part has; two of them are wanted, from `first` on
struct FinishedSums {
  std::int64_t channel;
  double values[2];
  bool mine;  // whether this thread is to use them

  __device__ FinishedSums(const float* parts, std::int64_t number, std::int64_t count, std::int64_t first,
                          std::int64_t channels)
      : channel(static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x), values{0, 0} {
    __shared__ double memory[2][kFinishLanes][32];
    if (channel < channels)
      for (std::int64_t part = threadIdx.y; part < number; part += kFinishLanes)
        for (int s = 0; s < 2; ++s) values[s] += parts[(part * count + first + s) * channels + channel];
    for (int s = 0; s < 2; ++s) memory[s][threadIdx.y][threadIdx.x] = values[s];
    __syncthreads();
    mine = threadIdx.y == 0 && channel < channels;
    if (!mine) return;
    for (int lane = 1; lane < kFinishLanes; ++lane)
      for (int s = 0; s < 2; ++s) values[s] += memory[s][lane][threadIdx.x];
  }
};

/// In double and rounded once, as LibTorch does it.
template <class T>
__global__ void finish_statistics_kernel(const T* x, GpuRows rows, const float* parts, std::int64_t number,
                                         GpuStatistics to) {
  constexpr double kMomentum = 0.1, kEpsilon = 1e-5;
  const FinishedSums sums(parts, number, 2, 0, rows.channels);
  if (!sums.mine) return;
  const std::int64_t c = sums.channel;
  const auto n = static_cast<double>(rows.rows);
  const double from_centre = sums.values[0] / n;
  double deviation = sums.values[1] - from_centre * sums.values[0];
  if (deviation < 0) deviation = 0;  // NaN stays NaN
  const auto mean = static_cast<float>(from_centre + near_mean<1>(x, rows, c)[0]);
  const auto summed = static_cast<float>(deviation);
  const auto inverse = static_cast<float>(1 / sqrt(summed / n + kEpsilon));
  to.mean[c] = mean;
  to.inverse_deviation[c] = inverse;
  to.scale[c] = to.weight[c] * inverse;
  to.running_mean[c] = static_cast<float>(kMomentum * mean + (1 - kMomentum) * to.running_mean[c]);
  to.running_var[c] = static_cast<float>(kMomentum * (summed / (n - 1)) + (1 - kMomentum) * to.running_var[c]);
}

__global__ void finish_gradients_kernel(const float* parts, std::int64_t number, std::int64_t count, std::int64_t first,
                                        GpuRows rows, const float* inverse_deviation, const float* scale,
                                        bool batch_statistics, GpuSlopes to) {
  const FinishedSums sums(parts, number, count, first, rows.channels);
  if (!sums.mine) return;
  const std::int64_t c = sums.channel;
  const auto n = static_cast<double>(rows.rows);
  const double g = sums.values[0], g_centred = sums.values[1], inverse = inverse_deviation[c];
  to.weight[c] = static_cast<float>(g_centred * inverse);
  to.bias[c] = static_cast<float>(g);
  to.slope[c] = batch_statistics ? static_cast<float>(-scale[c] * (g_centred * inverse * inverse / n)) : 0;
  to.offset[c] = batch_statistics ? static_cast<float>(-scale[c] * (g / n)) : 0;
}

template <int kSize, class T>
__global__ void relu_forward_kernel(const T* x, GpuRows rows, Normalisation norm, T* y) {
  const Walk<kSize> walk;
  const OwnNorm<kSize> normalised(walk, norm, rows);
  walk.for_rows(rows, [&](std::int64_t, std::int64_t at) {
    auto v = load<kSize>(x + at);
    for (int i = 0; i < kSize; ++i) v[i] = relu(normalised(v[i], i));
    store(y + at, v);
  });
}

template <int kSize, class T>
__global__ void add_relu_forward_kernel(const T* x, GpuRows rows, Normalisation norm, const float* keep,
                                        Shortcut<T> shortcut, T* y) {
  const Walk<kSize> walk;
  const OwnNorm<kSize> normalised(walk, norm, rows), around(walk, shortcut.norm, rows);
  const bool plain = shortcut.norm.mean == nullptr;
  walk.for_rows(rows, [&](std::int64_t row, std::int64_t at) {
    auto v = load<kSize>(x + at);
    const auto r = load<kSize>(shortcut.x + at);
    const float k = kept(keep, row, rows);
    for (int i = 0; i < kSize; ++i) v[i] = relu(normalised(v[i], i) * k + (plain ? r[i] : around(r[i], i)));
    store(y + at, v);
  });
}

template <int kSize, class T>
__global__ void relu_sums_kernel(const T* x, const T* dy, GpuRows rows, Normalisation norm, float* parts) {
  const Walk<kSize> walk;
  const OwnNorm<kSize> own(walk, norm, rows);
  Floats<kSize> sums[2] = {};
  walk.for_rows(rows, [&](std::int64_t, std::int64_t at) {
    const auto v = load<kSize>(x + at), d = load<kSize>(dy + at);
    for (int i = 0; i < kSize; ++i) {
      const float centred = v[i] - own.mean[i];
      const float g = centred * own.scale[i] + own.bias[i] <= 0 ? 0 : d[i];
      sums[0][i] += g;
      sums[1][i] += g * centred;
    }
  });
  write_part(sums, rows, parts);
}

template <int kSize, class T>
__global__ void relu_backward_kernel(const T* x, const T* dy, GpuRows rows, Normalisation norm, InputGradient gradient,
                                     T* dx) {
  const Walk<kSize> walk;
  const OwnNorm<kSize> normalised(walk, norm, rows);
  const OwnGradient<kSize> input_gradient(walk, gradient, rows);
  walk.for_rows(rows, [&](std::int64_t, std::int64_t at) {
    auto v = load<kSize>(x + at);
    const auto d = load<kSize>(dy + at);
    for (int i = 0; i < kSize; ++i) v[i] = input_gradient(v[i], normalised(v[i], i) <= 0 ? 0 : d[i], i);
    store(dx + at, v);
  });
}

/// @tparam kSums  4 if the shortcut has a batch norm, else 2
template <int kSums, int kSize, class T>
__global__ void add_relu_sums_kernel(const T* x, const T* y, const T* dy, const T* dy2, GpuRows rows, const float* mean,
                                     const float* keep, Shortcut<T> shortcut, T* g, float* parts) {
  const Walk<kSize> walk;
  const auto middle = walk.own(mean, rows), shortcut_middle = walk.own(shortcut.norm.mean, rows);
  Floats<kSize> sums[kSums] = {};
  walk.for_rows(rows, [&](std::int64_t row, std::int64_t at) {
    auto total = load<kSize>(dy + at);
    const auto result = load<kSize>(y + at), v = load<kSize>(x + at);
    Floats<kSize> more{}, r{};
    if (dy2) more = load<kSize>(dy2 + at);
    if (kSums == 4) r = load<kSize>(shortcut.x + at);
    const float k = kept(keep, row, rows);
    for (int i = 0; i < kSize; ++i) {
      total[i] = widen(narrow<T>(result[i] <= 0 ? 0 : total[i] + more[i]));  // as stored
      const float branch = total[i] * k;
      sums[0][i] += branch;
      sums[1][i] += branch * (v[i] - middle[i]);
      if constexpr (kSums == 4) {
        sums[2][i] += total[i];
        sums[3][i] += total[i] * (r[i] - shortcut_middle[i]);
      }
    }
    store(g + at, total);
  });
  write_part(sums, rows, parts);
}

template <int kSize, class T>
__global__ void backward_kernel(const T* x, const T* g, GpuRows rows, const float* keep, InputGradient gradient,
                                T* dx) {
  const Walk<kSize> walk;
  const OwnGradient<kSize> input_gradient(walk, gradient, rows);
  walk.for_rows(rows, [&](std::int64_t row, std::int64_t at) {
    auto v = load<kSize>(x + at);
    const auto d = load<kSize>(g + at);
    const float k = kept(keep, row, rows);
    for (int i = 0; i < kSize; ++i) v[i] = input_gradient(v[i], d[i] * k, i);
    store(dx + at, v);
  });
}

/// Calls f.operator()<kSize>() with the number of channels that a thread can own.
template <class T, class F, class... Pointers>
void with_vectors(const GpuRows& rows, const F& f, const Pointers*... pointers) {
  if (in_vectors<T>(rows.channels, pointers...))
    f.template operator()<kVector<T>>();
  else
    f.template operator()<1>();
}

inline dim3 finish_grid(const GpuRows& rows) { return dim3(static_cast<unsigned>((rows.channels + 31) / 32)); }

template <class T>
void start_statistics(const T* x, const GpuRows& rows, float* parts, const GpuStatistics& to, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(statistics_kernel<kSize, T>, sum_grid<kSize>(rows), block_of<kSize>(rows), stream, x, rows, parts);
      },
      x);
  launch(finish_statistics_kernel<T>, finish_grid(rows), dim3(32, kFinishLanes), stream, x, rows, parts, rows.parts(),
         to);
}

template <class T>
void start_relu_forward(const T* x, const GpuRows& rows, const Normalisation& norm, T* y, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(relu_forward_kernel<kSize, T>, image_grid<kSize>(rows), block_of<kSize>(rows), stream, x, rows, norm, y);
      },
      x, y);
}

template <class T>
void start_add_relu_forward(const T* x, const GpuRows& rows, const Normalisation& norm, const float* keep,
                            const Shortcut<T>& shortcut, T* y, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(add_relu_forward_kernel<kSize, T>, image_grid<kSize>(rows), block_of<kSize>(rows), stream, x, rows, norm,
               keep, shortcut, y);
      },
      x, shortcut.x, y);
}

template <class T>
void start_relu_sums(const T* x, const T* dy, const GpuRows& rows, const Normalisation& norm, float* parts,
                     StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(relu_sums_kernel<kSize, T>, sum_grid<kSize>(rows), block_of<kSize>(rows), stream, x, dy, rows, norm,
               parts);
      },
      x, dy);
}

template <class T>
void start_relu_backward(const T* x, const T* dy, const GpuRows& rows, const Normalisation& norm,
                         const InputGradient& gradient, T* dx, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(relu_backward_kernel<kSize, T>, image_grid<kSize>(rows), block_of<kSize>(rows), stream, x, dy, rows,
               norm, gradient, dx);
      },
      x, dy, dx);
}

template <class T>
void start_add_relu_sums(const T* x, const T* y, const T* dy, const T* dy2, const GpuRows& rows, const float* mean,
                         const float* keep, const Shortcut<T>& shortcut, T* g, float* parts, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        const auto kernel = shortcut.norm.mean ? add_relu_sums_kernel<4, kSize, T> : add_relu_sums_kernel<2, kSize, T>;
        launch(kernel, sum_grid<kSize>(rows), block_of<kSize>(rows), stream, x, y, dy, dy2, rows, mean, keep, shortcut,
               g, parts);
      },
      x, y, dy, dy2, shortcut.x, g);
}

template <class T>
void start_backward(const T* x, const T* g, const GpuRows& rows, const float* keep, const InputGradient& gradient,
                    T* dx, StreamHandle stream) {
  with_vectors<T>(
      rows,
      [&]<int kSize>() {
        launch(backward_kernel<kSize, T>, image_grid<kSize>(rows), block_of<kSize>(rows), stream, x, g, rows, keep,
               gradient, dx);
      },
      x, g, dx);
}

inline void start_finish_gradients(const float* parts, std::int64_t sums, std::int64_t first, const GpuRows& rows,
                                   const float* inverse_deviation, const float* scale, bool batch_statistics,
                                   const GpuSlopes& to, StreamHandle stream) {
  launch(finish_gradients_kernel, finish_grid(rows), dim3(32, kFinishLanes), stream, parts, rows.parts(), sums, first,
         rows, inverse_deviation, scale, batch_statistics, to);
}

template <class T>
constexpr GpuBatchNormKernels<T> kGpuBatchNorm = {
    .statistics = start_statistics<T>,
    .relu_forward = start_relu_forward<T>,
    .add_relu_forward = start_add_relu_forward<T>,
    .relu_sums = start_relu_sums<T>,
    .relu_backward = start_relu_backward<T>,
    .add_relu_sums = start_add_relu_sums<T>,
    .backward = start_backward<T>,
    .finish_gradients = start_finish_gradients,
};

}  // namespace
}  // namespace mosaic
