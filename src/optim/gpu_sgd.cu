#include "optim/gpu_sgd.cuh"

namespace mosaic {

void start_gpu_sgd(const SgdStep& step, bool first, const std::vector<SgdTensor>& tensors, const bool* proceed,
                   void* stream) {
  start_sgd(step, first, tensors, proceed, stream);
}

}  // namespace mosaic
