#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace mosaic {

/// A 1x1 convolution without padding on a CPU, as matrix products over the channels of all pixels; at stride 2, of the pixels that it looks
/// at. Same values as at::conv2d and its gradients, up to rounding. Images are dense in channels-last, given and returned.
///
/// LibTorch's own convolutions (oneDNN) lose time on small images and on strides. In float32 (batch 32, one thread, AVX-512) the gradient of the
/// weight is 1.0 to 2.8 times as fast here, the other two 1.0 to 1.5 times where the images are small or the stride is 2.
struct PointwiseConvolution {
  at::Tensor weight;        // (out, in, 1, 1)
  std::int64_t stride = 1;  // at least 1

  static bool can_take(const at::Tensor& weight, std::int64_t padding);

  /// Whether `forward` and `input_gradient`, too, are the faster way; `weight_gradient` always is.
  /// @param x  (N, in, H, W), the convolution's input
  bool faster_for_images(const at::Tensor& x) const;

  /// @return (N, out, H', W'), H' = (H - 1) / stride + 1
  at::Tensor forward(const at::Tensor& x) const;
  /// @param dy  (N, out, H', W')
  /// @return (N, in, height, width)
  at::Tensor input_gradient(const at::Tensor& dy, std::int64_t height, std::int64_t width) const;
  /// @return (out, in, 1, 1), dense
  at::Tensor weight_gradient(const at::Tensor& dy, const at::Tensor& x) const;
};

}  // namespace mosaic
