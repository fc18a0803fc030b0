#pragma once

#include <ATen/core/Tensor.h>

namespace mosaic {

struct Run;

/// What the net is given of one micro-batch, all of it on its device.
struct NetPassInput {
  at::Tensor images;   // (N, 3, S, S), normalised, mixed
  at::Tensor targets;  // as the loss takes them
  at::Tensor labels;   // int64 (N), unmixed
  at::Tensor keep;     // (blocks, N), with stochastic depth
  at::Tensor factor;   // scalar of the net's type: what the loss is multiplied by before the backward pass
};

/// What a pass leaves beside gradients and running statistics. To be read before the next pass.
struct NetPassResult {
  at::Tensor loss;     // scalar: mean over the micro-batch
  at::Tensor correct;  // int64 scalar: labels that the training-mode logits have found
};

/// Forward and backward over one micro-batch, whose gradients are added to what is there. By LibTorch and our kernels, or, on a GPU, where
/// the run has captured such a pass (captured_passes.h), by that.
/// @param complete  the gradients are complete with this pass: their exchange begins with it
NetPassResult net_pass(Run& run, const NetPassInput& input, bool complete);

/// The two halves of a pass, operator by operator.
struct ForwardPass {
  at::Tensor logits, loss;  // with what autograd needs

  ForwardPass(Run& run, const NetPassInput& input);
  void backward(const at::Tensor& factor) const;
  NetPassResult result(const at::Tensor& labels) const;
};

/// Both halves, one after the other. Parameters as those of `net_pass`.
NetPassResult pass_by_operators(Run& run, const NetPassInput& input, bool complete);

}  // namespace mosaic
