#pragma once

#include <ATen/core/Tensor.h>

#include "model/resnet.h"

namespace mosaic {

/// Layers of the net as one autograd function each, with a backward pass written out: all but the convolutions
/// is memory traffic, most of which this saves. Same values as the composition of operators in resnet.cpp, up to
/// rounding, in training; in evaluation that composition is used. Convolutions are LibTorch's, or products of matrices
/// where these are faster (pointwise_convolution.h, amx_convolution.h).

/// What a block hands on: the same image twice, so that its gradients from the next block's branch and from its
/// shortcut come back apart, and are added where they are read anyway.
struct BlockOutput {
  at::Tensor branch, shortcut;
};

/// True if the functions below can take `x`, the result of the stem's convolution: in float32, bfloat16 or, on a
/// GPU, float16, while `norm` is float32.
bool can_fuse(const at::Tensor& x, const BatchNorm& norm);

/// relu(norm(x)). The backward pass can be made once, and uses up the memory of `x`.
at::Tensor fused_norm_relu(const at::Tensor& x, BatchNorm& norm, bool batch_statistics);

/// ResidualBlock::operator() in training. The backward pass can be made once.
/// @param x  of the same values twice; one tensor may be both
/// @param keep  as there
/// @param amx  for what AmxConvolution can take; null: none
BlockOutput fused_block(const BlockOutput& x, ResidualBlock& block, bool batch_statistics, const at::Tensor& keep,
                        const AmxKernels* amx = nullptr);

}  // namespace mosaic
