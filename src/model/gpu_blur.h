#pragma once

#include "model/blur_kernels.h"

namespace mosaic {

/// The kernels of blur_kernels.h for GPUs, on whole images in the GPU's memory. Functions start a kernel in `stream`, a
/// cudaStream_t, and return at once.
/// @tparam T  float, Float16 or Bfloat16 of base/cuda_kernel.cuh
template <class T>
struct GpuBlurKernels {
  using Function = void (*)(const T* from, std::int64_t images, const BlurSize& size, T* to, void* stream);

  Function forward, forward_halving, backward_halving;
};

}  // namespace mosaic
