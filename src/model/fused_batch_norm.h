#pragma once

#include <ATen/core/Tensor.h>

#include "model/resnet.h"

namespace mosaic {

/// Batch norm with what surrounds it in a residual net, on whole tensors: one pass over memory for the statistics and one
/// for the rest, forward and backward each. On the CPU by LibTorch's threads, the sums not depending on their number; on
/// GPUs in LibTorch's current stream (gpu_layers.h). No autograd in here.
///
/// Images are (N, C, H, W), dense in channels-last, float32, bfloat16 or, on GPUs, float16, all of one type; a batch norm's
/// parameters and statistics are float32. Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167, algorithms 1 and 2, as
/// LibTorch computes them: differs from its composition of operators by rounding, and in 16 bits by rounding once where
/// that rounds after every operator.

/// True if these functions can work on `x`, with `norm`.
bool is_fusable(const at::Tensor& x, const BatchNorm& norm);

/// A batch norm in one forward pass, as the backward pass needs it. Float32, (C) each.
struct NormPass {
  at::Tensor mean, inverse_deviation, scale, bias;  // scale = weight * inverse_deviation
  bool batch_statistics = true;                     // else those are constants
};

/// Statistics of `x`, or the running ones.
/// @param batch_statistics  also moves the running statistics, as BatchNorm does
NormPass start_norm(const at::Tensor& x, BatchNorm& norm, bool batch_statistics);

/// relu(norm(x)).
at::Tensor norm_relu(const at::Tensor& x, const NormPass& norm);

/// The shortcut of a block: `x` itself, or what its batch norm makes of it. Without a batch norm the backward pass
/// needs no `x`.
struct ShortcutPass {
  at::Tensor x;
  const NormPass* norm = nullptr;
};

/// relu(keep * norm(x) + shortcut).
/// @param keep  float32 (N), or undefined: 1
at::Tensor norm_add_relu(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                         const ShortcutPass& shortcut);

/// Gradients of a batch norm: of its input, like that, and of its parameters, float32 (C).
struct NormGradients {
  at::Tensor x, weight, bias;
};

/// @param x  its memory holds its gradient afterwards
/// @param dy  gradient of the result of `norm_relu`
NormGradients norm_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& dy);

struct NormAddGradients {
  NormGradients branch;
  NormGradients shortcut;  // with a batch norm, of its input, else of the shortcut itself and without parameters
};

/// @param x  its memory holds its gradient afterwards; so does the shortcut's, where that has a batch norm
/// @param y  the result of `norm_add_relu`
/// @param dy, more_dy  gradients of `y`, which are summed; the second may be undefined
NormAddGradients norm_add_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                                        const ShortcutPass& shortcut, const at::Tensor& y, const at::Tensor& dy,
                                        const at::Tensor& more_dy);

}  // namespace mosaic
