#pragma once

#include <cuda_runtime_api.h>

#include "base/error.h"

namespace mosaic {

/// @param call  the name of CUDA's function that has returned `status`
/// @throws Error unless that is success
inline void check_cuda(cudaError_t status, const char* call) {
  if (status != cudaSuccess) throw Error(str(call, " failed: ", cudaGetErrorString(status)), kExitCrash);
}

}  // namespace mosaic
