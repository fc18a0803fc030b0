#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "config/recipe.h"
#include "model/resnet.h"

namespace mosaic {

/// Put a fixed 3x3 binomial low-pass filter before each strided convolution, and between the maximum and the sub-sampling
/// of the max-pool.
/// Source: R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019, arXiv:1904.11486, section 3.
/// Differs: the blur comes before the convolution (the paper's comes after it), so that the convolution still works on the
/// small image; borders are padded with zeros, not reflected; convolutions with fewer than `min_channels` inputs stay as
/// they are, so that the image itself is not blurred. Recipes section 6.2.
/// Parameters, their order and names stay; the filters are constants and no part of the net's state. Does the same in every
/// floating type and layout: the filter follows the input's type.
/// @return the layers that changed, under torchvision's names: "maxpool", "layer2.0.conv2", ...; none for a `min_channels`
///         above all inputs and no max-pool: worth a warning
/// @throws Error if `config` says to replace nothing
std::vector<std::string> apply_blur_pool(ResNet& net, const BlurPoolConfig& config);

/// 1/16 [1 2 1; 2 4 2; 1 2 1] for each channel: (channels, 1, 3, 3), of the type and on the device of `like`.
at::Tensor low_pass_filter(std::int64_t channels, const at::Tensor& like);

/// Every channel on its own, padded with one row and column of zeros on each side.
/// @param x  (N, C, H, W)
/// @param filter  what `low_pass_filter` makes for C channels
/// @return (N, C, ceil(H / stride), ceil(W / stride)), of the type of `x`
at::Tensor low_pass(const at::Tensor& x, const at::Tensor& filter, std::int64_t stride);

}  // namespace mosaic
