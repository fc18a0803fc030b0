#pragma once

#include <ATen/core/Tensor.h>

#include "model/fused_batch_norm.h"
#include "model/gpu_kernels.h"

namespace mosaic {

/// What fused_batch_norm.h and direct_blur.h do, by kernels for GPUs: the same functions with the same conditions, and
/// float16 beside float32 and bfloat16. Nothing in here waits for the GPU, and all memory comes from LibTorch's
/// allocator: the functions may be part of a captured graph.
class GpuLayers {
 public:
  /// @param kernels  which read the tensors' memory; kept by reference
  explicit GpuLayers(const GpuKernels& kernels) : kernels_(kernels) {}

  NormPass start_norm(const at::Tensor& x, BatchNorm& norm, bool batch_statistics) const;
  at::Tensor norm_relu(const at::Tensor& x, const NormPass& norm) const;
  at::Tensor norm_add_relu(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                           const ShortcutPass& shortcut) const;
  NormGradients norm_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& dy) const;
  NormAddGradients norm_add_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                                          const ShortcutPass& shortcut, const at::Tensor& y, const at::Tensor& dy,
                                          const at::Tensor& more_dy) const;

  at::Tensor blur(const at::Tensor& x, std::int64_t stride) const;
  at::Tensor blur_backward(const at::Tensor& dy, std::int64_t height, std::int64_t width, std::int64_t stride) const;

 private:
  const GpuKernels& kernels_;
};

/// By CUDA, on LibTorch's current stream. In builds without CUDA, where there are no such tensors, throws Error.
const GpuLayers& gpu_layers();

}  // namespace mosaic
