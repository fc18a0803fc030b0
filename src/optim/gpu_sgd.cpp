#include "optim/gpu_sgd.h"

#ifdef MOSAIC_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include "base/error.h"

namespace mosaic {

#ifdef MOSAIC_CUDA

void start_gpu_sgd(const SgdStep& step, bool first, const std::vector<SgdTensor>& tensors, const bool* proceed,
                   void* stream);  // in gpu_sgd.cu

const GpuSgd& gpu_sgd() {
  static const GpuSgd sgd{start_gpu_sgd, [] { return static_cast<void*>(c10::cuda::getCurrentCUDAStream().stream()); }};
  return sgd;
}

#else

const GpuSgd& gpu_sgd() { throw Error("this build has no kernels for GPUs"); }

#endif

}  // namespace mosaic
