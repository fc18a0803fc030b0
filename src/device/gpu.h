#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mosaic {

/// What this process can see of GPUs (CUDA_VISIBLE_DEVICES applies). 0 in builds without CUDA and on machines without a driver.
int gpu_count();

/// Tells one GPU of a node from another, whatever index it has in this process.
std::string gpu_uuid(int device);

/// "NVIDIA H100 80GB HBM3"
std::string gpu_name(int device);

/// Bytes of memory that it has.
std::uint64_t gpu_memory(int device);

/// Make `device` the current one of this thread, and allow TF32 in its convolutions and matrix products, as the reference
/// does (recipes section 7.1).
/// @param cudnn_benchmark  let cuDNN choose its algorithms by trying them out, once for each size of a convolution; the reference does not
///                         (section 7.9): the choice may differ from one process to the next, and with it the last bits
void use_gpu(int device, bool cudnn_benchmark = false);

/// Memory of LibTorch's allocator in units of 1e9 bytes, under the names of recipes section 7.7 ("memory/allocated_mem");
/// empty in builds without CUDA.
std::vector<std::pair<std::string, double>> gpu_memory_metrics(int device);

}  // namespace mosaic
