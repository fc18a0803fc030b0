#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/random.h"
#include "config/recipe.h"
#include "model/resnet.h"

namespace mosaic {

/// Let images skip the residual branch of bottleneck blocks at random, the later the block the more of them: block i of n,
/// counted from 0 in forward order, drops with rate drop_rate (i + 1) / n. In training an image's branch is multiplied by 0
/// or 1, in evaluation by 1 - rate.
/// Source: Huang et al., Deep Networks with Stochastic Depth, ECCV 2016, arXiv:1603.09382, section 3.
/// Differs: drawn for each image, not for the batch, so the branch is computed for all, and its batch norm sees the dropped
/// ones too; only bottleneck blocks are acted on. Recipes section 6.10.
/// @return the rates of all blocks acted on; none for ResNet-18 and -34, which have no bottleneck (worth a warning), and for a
///         drop rate of 0
std::vector<double> apply_stochastic_depth(ResNet& net, const StochasticDepthConfig& config);

/// Draw what a forward pass in training needs: floor((1 - rate) + U) in float32, block after block.
/// @param rates  as returned by `apply_stochastic_depth`
/// @return (blocks, samples), float32 on the CPU: 1 keeps the block for the image, 0 skips it
at::Tensor draw_keep(const std::vector<double>& rates, std::int64_t samples, KeyedRandom random);

}  // namespace mosaic
