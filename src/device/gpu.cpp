#include "device/gpu.h"

#include "base/error.h"

#ifdef MOSAIC_CUDA

#include <ATen/Context.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>

namespace mosaic {
namespace {

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  if (const cudaError_t status = cudaGetDeviceProperties(&properties, device); status != cudaSuccess)
    throw Error(str("GPU ", device, ": cannot read its properties: ", cudaGetErrorString(status)), kExitCrash);
  return properties;
}

}  // namespace

int gpu_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string gpu_uuid(int device) {
  const cudaDeviceProp properties = properties_of(device);
  std::string text;
  for (const char byte : properties.uuid.bytes) {
    text += "0123456789abcdef"[(byte >> 4) & 15];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string gpu_name(int device) { return properties_of(device).name; }

std::uint64_t gpu_memory(int device) { return properties_of(device).totalGlobalMem; }

void use_gpu(int device, bool cudnn_benchmark) {
  if (const cudaError_t status = cudaSetDevice(device); status != cudaSuccess)
    throw Error(str("GPU ", device, ": cannot use it: ", cudaGetErrorString(status)), kExitCrash);
  at::globalContext().lazyInitDevice(at::kCUDA);
  at::globalContext().setAllowTF32CuDNN(true);
  at::globalContext().setAllowTF32CuBLAS(true);
  at::globalContext().setBenchmarkCuDNN(cudnn_benchmark);
}

std::vector<std::pair<std::string, double>> gpu_memory_metrics(int device) {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
  const auto gigabytes = [](const auto& stat) { return static_cast<double>(stat[0].current) / 1e9; };
  return {{"memory/allocated_mem", gigabytes(stats.allocated_bytes)},
          {"memory/active_mem", gigabytes(stats.active_bytes)},
          {"memory/inactive_mem", gigabytes(stats.inactive_split_bytes)},
          {"memory/reserved_mem", gigabytes(stats.reserved_bytes)},
          {"memory/alloc_retries", static_cast<double>(stats.num_alloc_retries)}};
}

}  // namespace mosaic

#else

namespace mosaic {

int gpu_count() { return 0; }
std::string gpu_uuid(int) { return {}; }
std::string gpu_name(int) { return {}; }
std::uint64_t gpu_memory(int) { return 0; }
void use_gpu(int device, bool) { throw Error(str("GPU ", device, ": this build has no CUDA")); }
std::vector<std::pair<std::string, double>> gpu_memory_metrics(int) { return {}; }

}  // namespace mosaic

#endif
