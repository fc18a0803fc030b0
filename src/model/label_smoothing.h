#pragma once

#include <ATen/core/Tensor.h>

namespace mosaic {

/// targets (1 - smoothing) + smoothing / classes: a target is never sure.
/// Source: Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, arXiv:1512.00567, section 7, with the uniform
/// distribution.
/// @param targets  dense, (N, classes)
/// @param smoothing  in [0, 1]
at::Tensor smooth(const at::Tensor& targets, double smoothing);

}  // namespace mosaic
