#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/amx_kernels.h"

namespace mosaic {

/// A convolution in bfloat16 on a CPU with AMX: 1x1 without padding and with any stride, or 3x3 with padding 1 and stride 1. Same values
/// as at::conv2d and its gradients, up to rounding: sums are float32. Images are dense in channels-last, bfloat16, given and returned.
///
/// Method: all results are matrix products, of rows of pixels with the weight, or of pixels with pixels. For 3x3 the images are copied,
/// in pieces that fit a core's cache, with a column and a line of zeros after each: then every neighbour of a pixel is a fixed number of rows
/// away, and nine products with shifted rows add up. Threads take pieces as they are free; the bits do not depend on them, nor on their number.
struct AmxConvolution {
  const AmxKernels& kernels;
  at::Tensor weight;        // (out, in, k, k), bfloat16
  std::int64_t stride = 1;  // at least 1

  /// True for the convolutions named above whose numbers of channels are multiples of 32.
  static bool can_take(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride, std::int64_t padding);

  /// @param x  (N, in, H, W)
  /// @return (N, out, H', W'), H' = (H - 1) / stride + 1
  at::Tensor forward(const at::Tensor& x) const;
  /// @param dy  (N, out, H', W')
  /// @return (N, in, height, width)
  at::Tensor input_gradient(const at::Tensor& dy, std::int64_t height, std::int64_t width) const;
  /// @return (out, in, k, k), float32, in channels-last
  at::Tensor weight_gradient(const at::Tensor& dy, const at::Tensor& x) const;
};

}  // namespace mosaic
