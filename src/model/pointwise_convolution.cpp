#include "model/pointwise_convolution.h"

#include <ATen/ATen.h>

namespace mosaic {
namespace {

constexpr std::int64_t kLargestSide =
    12;  // up to here oneDNN's forward pass and input gradient are slower: see the header
constexpr std::int64_t kFewChannels = 128;

/// The pixels of dense channels-last images, one a row. Not by `view` alone: sizes of 1 leave the strides open.
at::Tensor rows(const at::Tensor& images) { return images.permute({0, 2, 3, 1}).reshape({-1, images.size(1)}); }

at::Tensor images(const at::Tensor& rows, std::int64_t n, std::int64_t height, std::int64_t width) {
  return rows.view({n, height, width, rows.size(1)}).permute({0, 3, 1, 2});
}

/// Every stride-th pixel of every stride-th row: a view.
at::Tensor strided(const at::Tensor& images, std::int64_t stride) {
  return images.slice(2, 0, images.size(2), stride).slice(3, 0, images.size(3), stride);
}

}  // namespace

bool PointwiseConvolution::can_take(const at::Tensor& weight, std::int64_t padding) {
  return weight.size(2) == 1 && weight.size(3) == 1 && padding == 0 && weight.device().is_cpu();
}

bool PointwiseConvolution::faster_for_images(const at::Tensor& x) const {
  return stride > 1 || (x.size(2) <= kLargestSide && x.size(3) <= kLargestSide);
}

at::Tensor PointwiseConvolution::forward(const at::Tensor& x) const {
  const at::Tensor taken = strided(x, stride);
  return images(at::mm(rows(taken), weight.flatten(1).t()), x.size(0), taken.size(2), taken.size(3));
}

at::Tensor PointwiseConvolution::input_gradient(const at::Tensor& dy, std::int64_t height, std::int64_t width) const {
  at::Tensor taken = images(at::mm(rows(dy), weight.flatten(1)), dy.size(0), dy.size(2), dy.size(3));
  if (stride == 1) return taken;
  at::Tensor dx =
      at::empty({dy.size(0), weight.size(1), height, width}, dy.options(), at::MemoryFormat::ChannelsLast).zero_();
  strided(dx, stride).copy_(taken);
  return dx;
}

at::Tensor PointwiseConvolution::weight_gradient(const at::Tensor& dy, const at::Tensor& x) const {
  const at::Tensor taken = rows(strided(x, stride)), d = rows(dy);
  // With few channels the wider matrix should be on the right, even though the product is then to be transposed.
  const bool swap = taken.size(1) <= kFewChannels && d.size(1) > taken.size(1);
  const at::Tensor dw = swap ? at::mm(taken.t(), d).t().contiguous() : at::mm(d.t(), taken);
  return dw.view(weight.sizes());
}

}  // namespace mosaic
