// All kernels of this folder for GPUs, as instances for nvcc.
#include "model/gpu_batch_norm.cuh"
#include "model/gpu_blur.cuh"
#include "model/gpu_kernels.h"

namespace mosaic {

extern const GpuKernelsOf<float> kGpuFloat32;
extern const GpuKernelsOf<Float16> kGpuFloat16;
extern const GpuKernelsOf<Bfloat16> kGpuBfloat16;
const GpuKernelsOf<float> kGpuFloat32 = {kGpuBatchNorm<float>, kGpuBlur<float>};
const GpuKernelsOf<Float16> kGpuFloat16 = {kGpuBatchNorm<Float16>, kGpuBlur<Float16>};
const GpuKernelsOf<Bfloat16> kGpuBfloat16 = {kGpuBatchNorm<Bfloat16>, kGpuBlur<Bfloat16>};

}  // namespace mosaic
