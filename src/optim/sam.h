#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "config/recipe.h"

namespace mosaic {

/// One forward and backward over this rank's part of the batch, from zeroed gradients on, which are left in the parameters.
/// @param over_all_ranks  average the gradients over the ranks; else each rank keeps its own
/// @return whether the pass is of use, which all ranks must agree on: no rank's loss is 0, and no gradient infinite or NaN
using GradientPass = std::function<bool(bool over_all_ranks)>;

/// Sharpness-aware minimisation: go uphill by a step of fixed length, take the gradient there, come back, and descend by it.
/// Source: Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, ICLR 2021, arXiv:2010.01412,
/// section 2, algorithm 1, with p = 2.
/// Differs: only every `interval`-th step; the step uphill is each rank's own, by the gradient of its part of the batch, and
/// only the second gradient is averaged (the paper's section 4.1 calls it m-sharpness); weight decay is not part of the
/// gradient that leads uphill. Recipes section 6.8.
class Sam {
 public:
  /// @param parameters  of the net; each must have a gradient after a pass
  Sam(const SamConfig& config, std::vector<at::Tensor> parameters);

  /// Whether the next step is one of two passes: the last of every `interval` steps.
  bool due() const { return (steps_ + 1) % config_.interval == 0; }

  /// One step of training. Not due: one pass over all ranks, then `update`. Due: a pass on
  /// this rank's own, uphill, a pass over all ranks, back, then `update`. A pass that is of no use ends the step without
  /// `update`; the step is counted. Where `gradients` throws (out of memory), the weights are brought back, and the step may be
  /// tried again.
  /// @param update  the optimizer's step by the gradients that the parameters hold
  /// @return whether `update` was called
  bool step(const GradientPass& gradients, const std::function<void()>& update);

  /// Steps so far: what a checkpoint holds.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  SamConfig config_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor>
      before_;  // for the weights during the second pass: in the middle of a step there may be no memory
  std::int64_t steps_ = 0;
};

/// Move the parameters uphill: w <- w + g rho / (|g| + epsilon), where g is all their gradients, |g| its length over all of
/// them. Does not wait for the device, and asks it for next to no memory: the gradients' is used for the way, and they are lost.
/// @param before  of the parameters' shapes: gets the weights as they were, for `move_back`
void move_uphill(const std::vector<at::Tensor>& parameters, const SamConfig& config,
                 const std::vector<at::Tensor>& before);

/// Put the weights back, bit for bit. Differs: the reference subtracts what it has added, and since each rank has gone uphill
/// by itself, rounding then leaves each rank with weights of its own, a last bit apart: a checkpoint holds one rank's, and no
/// run could be resumed with the same bits.
void move_back(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& before);

}  // namespace mosaic
