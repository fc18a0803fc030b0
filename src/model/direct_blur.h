#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace mosaic {

/// The low pass of blur_pool.h and its backward pass by kernels of our own, which know the filter: no weights are read,
/// and none get a gradient. Same values as `low_pass`, up to rounding. Images are (N, C, H, W), dense in channels-last,
/// float32, bfloat16 or, on GPUs, float16.

/// No autograd.
/// @param stride  1 or 2
/// @return (N, C, ceil(H / stride), ceil(W / stride))
at::Tensor blur(const at::Tensor& x, std::int64_t stride);

/// Gradient of the input for that of the result.
/// @param dy  (N, C, ceil(height / stride), ceil(width / stride))
/// @return (N, C, height, width)
at::Tensor blur_backward(const at::Tensor& dy, std::int64_t height, std::int64_t width, std::int64_t stride);

/// `blur`, known to autograd.
at::Tensor direct_low_pass(const at::Tensor& x, std::int64_t stride);

}  // namespace mosaic
