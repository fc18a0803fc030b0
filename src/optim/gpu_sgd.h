#pragma once

#include <cstdint>
#include <vector>

#include "optim/sgd_kernel.h"

namespace mosaic {

/// A parameter with its momentum and gradient: float32, in the GPU's memory, without gaps and in the same order.
struct SgdTensor {
  float *weight, *momentum;
  const float* gradient;
  std::int64_t values;
};

/// The kernel of DecoupledSgd for GPUs, and how to start it: a table, so that a test can put a kernel in its place that
/// runs on the CPU.
struct GpuSgd {
  /// The step of sgd_kernel.h, with the bits of sgd_step_avx2, for all `tensors`, in few launches. Starts kernels in
  /// `stream`, a cudaStream_t, and returns at once.
  /// @param first    there is no momentum yet: it becomes the gradient
  /// @param proceed  in the GPU's memory, read there: if false, nothing is changed; nullptr: as if true
  void (*start)(const SgdStep& step, bool first, const std::vector<SgdTensor>& tensors, const bool* proceed,
                void* stream);
  void* (*current_stream)();  // LibTorch's, of this thread: a cudaStream_t
};

/// By CUDA. In builds without, where there are no such tensors, throws Error.
const GpuSgd& gpu_sgd();

}  // namespace mosaic
