#pragma once

#include <cstdint>

namespace mosaic {

/// One step of DecoupledSgd (sgd.h), in float32.
struct SgdStep {
  float momentum;
  float share;     // 1 - dampening: of the gradient, in the momentum
  float decay;     // what the weight is multiplied by
  float minus_lr;  // of the direction, in the weight
  bool nesterov;
};

/// The step for `n` weights in one pass over memory, where the composition of operators needs four. Its bits: products
/// that are added to something are not rounded before, as in LibTorch's kernels.
/// @param m  momentum, of an earlier step: read and written
void sgd_step_avx2(const SgdStep& step, std::int64_t n, const float* gradient, float* m, float* weight);

}  // namespace mosaic
