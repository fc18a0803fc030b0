#pragma once

#include "model/gpu_batch_norm.h"
#include "model/gpu_blur.h"

namespace mosaic {

struct Float16;
struct Bfloat16;

/// This folder's kernels for one type.
template <class T>
struct GpuKernelsOf {
  GpuBatchNormKernels<T> batch_norm;
  GpuBlurKernels<T> blur;
};

/// This folder's kernels for GPUs, and how to start them: a table, so that a test can put kernels in its place that run
/// on the CPU.
struct GpuKernels {
  GpuKernelsOf<float> float32;
  GpuKernelsOf<Float16> float16;
  GpuKernelsOf<Bfloat16> bfloat16;
  void* (*current_stream)();  // LibTorch's, of this thread: a cudaStream_t

  template <class T>
  const GpuKernelsOf<T>& of() const;
};

template <>
inline const GpuKernelsOf<float>& GpuKernels::of() const {
  return float32;
}
template <>
inline const GpuKernelsOf<Float16>& GpuKernels::of() const {
  return float16;
}
template <>
inline const GpuKernelsOf<Bfloat16>& GpuKernels::of() const {
  return bfloat16;
}

}  // namespace mosaic
