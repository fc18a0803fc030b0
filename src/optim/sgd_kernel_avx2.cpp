// Compiled for AVX2 and FMA: see CMakeLists.txt.
#if defined(__x86_64__)

#include "optim/sgd_kernel.h"

namespace mosaic {
namespace {

template <bool kNesterov>
void step_all(SgdStep s, std::int64_t n, const float* __restrict gradient, float* __restrict m,
              float* __restrict weight) {
  for (std::int64_t i = 0; i < n; ++i) {
    m[i] = __builtin_fmaf(gradient[i], s.share, m[i] * s.momentum);
    const float direction = kNesterov ? __builtin_fmaf(m[i], s.momentum, gradient[i]) : m[i];
    weight[i] = __builtin_fmaf(direction, s.minus_lr, weight[i] * s.decay);
  }
}

}  // namespace

void sgd_step_avx2(const SgdStep& step, std::int64_t n, const float* gradient, float* m, float* weight) {
  step.nesterov ? step_all<true>(step, n, gradient, m, weight) : step_all<false>(step, n, gradient, m, weight);
}

}  // namespace mosaic

#endif
