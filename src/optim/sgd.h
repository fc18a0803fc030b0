#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/gpu_sgd.h"

namespace mosaic {

struct SgdOptions {
  double initial_lr = 0.1;  // the schedule's peak: weight decay is scaled by lr / initial_lr
  double momentum = 0;      // in [0, 1)
  double weight_decay = 0;
  double dampening = 0;
  bool nesterov = false;
  const GpuSgd* gpu = nullptr;  // the kernel that steps parameters on a GPU; nullptr: LibTorch's operators do
};

/// SGD with momentum and decoupled weight decay, all parameters decayed alike (batch norm and biases too):
///   m <- g at the first step, momentum * m + (1 - dampening) * g after it;   d = m  (Nesterov: g + momentum * m)
///   w <- w * (1 - lr / initial_lr * weight_decay) - lr * d
/// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019, arXiv:1711.05101, algorithm 1.
/// Differs: the decay is multiplied by lr / initial_lr alone, as the reference does (recipes section 5.1).
class DecoupledSgd {
 public:
  /// @param parameters  the very tensors that `step` changes; each must have a gradient at every step
  DecoupledSgd(std::vector<at::Tensor> parameters, const SgdOptions& options);

  /// @param proceed  bool scalar on the parameters' device: if false, neither weights nor momentum change. On a GPU it is read there, and
  ///                 nothing waits for it: momentum() is not empty after a first step that was not taken, and its zeros are not to be
  ///                 gone on with; see `set_momentum`. Undefined: as if true
  void step(double lr, const at::Tensor& proceed = {});

  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  /// One per parameter, in the same order; empty before the first step.
  const std::vector<at::Tensor>& momentum() const { return momentum_; }
  /// @param momentum  as it was after another step, or empty: the next one is the first
  void set_momentum(std::vector<at::Tensor> momentum) { momentum_ = std::move(momentum); }

 private:
  std::vector<at::Tensor> parameters_, momentum_;
  SgdOptions options_;
};

}  // namespace mosaic
