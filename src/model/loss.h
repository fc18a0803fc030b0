#pragma once

#include <ATen/core/Tensor.h>

#include "config/config.h"

namespace mosaic {

/// Targets are class indices, int64 (N), or dense, (N, classes) of the logits' type.

/// Index targets as dense ones: one-hot in `type`. A negative index is a row of zeros.
at::Tensor dense_targets(const at::Tensor& indices, std::int64_t classes, at::ScalarType type);

/// Mean over the batch of -sum_c t_c log softmax(x)_c, times N / sum(t), which is 1 where every row of t sums to 1.
/// Index targets: the ordinary mean cross entropy. Recipes section 4.2.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets);

/// Sum over the classes of the binary cross entropy with logits, mean over the batch. Recipes section 4.3.
/// Source: Wightman, Touvron and Jegou, ResNet strikes back, arXiv:2110.00476, section 3.1. Differs: summed over classes,
/// not averaged.
at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& targets);

/// The loss that the configuration names. Both work in the logits' type, but at least in float32.
/// @return a scalar
at::Tensor loss(LossName name, const at::Tensor& logits, const at::Tensor& targets);

}  // namespace mosaic
