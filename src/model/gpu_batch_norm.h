#pragma once

#include <algorithm>
#include <cstdint>

#include "model/batch_norm_kernels.h"

namespace mosaic {

/// The kernels of batch_norm_kernels.h for GPUs: the same layout, arithmetic and masks, on whole images in the GPU's
/// memory. Sums go in two stages: blocks of threads sum up rows in float32, and what finishes a sum adds those parts up
/// in double, always in the same order. Functions start their kernels in `stream` and return at once; all pointers are
/// the GPU's.

/// An image as rows of channels.
struct GpuRows {
  std::int64_t rows, channels;
  std::int64_t rows_per_image;

  /// Number of parts that sums over the rows are made in: enough blocks for a large GPU, if there are rows enough.
  std::int64_t parts() const {
    const std::int64_t most = std::max<std::int64_t>(1, 1024 / ((channels + 255) / 256));
    return std::clamp<std::int64_t>(rows / 128, 1, most);
  }
};

/// Where a batch norm's statistics go, and the running ones. (channels) each.
struct GpuStatistics {
  float* mean;
  float* inverse_deviation;
  float* scale;  // weight * inverse_deviation
  const float* weight;
  float* running_mean;  // moved with momentum 0.1
  float* running_var;   // unbiased
};

/// Where the gradients of a batch norm's parameters go, and what makes its input's: see InputGradient.
struct GpuSlopes {
  float* weight;
  float* bias;
  float* slope;
  float* offset;
};

/// @tparam T  float, Float16 or Bfloat16 of base/cuda_kernel.cuh
template <class T>
struct GpuBatchNormKernels {
  using Stream = void*;  // a cudaStream_t

  /// @param parts  float32 (parts, 2, channels): scratch
  void (*statistics)(const T* x, const GpuRows& rows, float* parts, const GpuStatistics& to, Stream stream);

  void (*relu_forward)(const T* x, const GpuRows& rows, const Normalisation& norm, T* y, Stream stream);

  /// @param keep  (images), or null: 1
  void (*add_relu_forward)(const T* x, const GpuRows& rows, const Normalisation& norm, const float* keep,
                           const Shortcut<T>& shortcut, T* y, Stream stream);

  /// @param parts  float32 (parts, 2, channels), overwritten: for `finish_gradients`
  void (*relu_sums)(const T* x, const T* dy, const GpuRows& rows, const Normalisation& norm, float* parts,
                    Stream stream);

  void (*relu_backward)(const T* x, const T* dy, const GpuRows& rows, const Normalisation& norm,
                        const InputGradient& gradient, T* dx, Stream stream);

  /// @param parts  float32 (parts, 2 or, where the shortcut has a batch norm, 4, channels), overwritten
  void (*add_relu_sums)(const T* x, const T* y, const T* dy, const T* dy2, const GpuRows& rows, const float* mean,
                        const float* keep, const Shortcut<T>& shortcut, T* g, float* parts, Stream stream);

  void (*backward)(const T* x, const T* g, const GpuRows& rows, const float* keep, const InputGradient& gradient, T* dx,
                   Stream stream);

  /// @param parts  (parts, sums, channels), of which sums `first` and `first` + 1 are those of this batch norm
  /// @param batch_statistics  else mean and deviation do not depend on x, and slope and offset become 0
  void (*finish_gradients)(const float* parts, std::int64_t sums, std::int64_t first, const GpuRows& rows,
                           const float* inverse_deviation, const float* scale, bool batch_statistics,
                           const GpuSlopes& to, Stream stream);
};

}  // namespace mosaic
