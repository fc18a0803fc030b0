#pragma once

#include "base/cuda_kernel.cuh"
#include "device/gpu_normalise.h"

namespace mosaic {
namespace {

constexpr int kNormaliseThreads = 256;
constexpr int kBytes = 16;  // for each thread: one load, four stores

/// @param aligned  both addresses are multiples of 16
__global__ void normalise_kernel(const std::uint8_t* images, std::int64_t values, bool aligned,
                                 NormaliseConstants constants, float* to) {
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kBytes;
  const auto normalised = [&](std::uint8_t byte, std::int64_t channel) {
    return (static_cast<float>(byte) - constants.mean[channel]) / constants.std[channel];
  };
  if (aligned && first + kBytes <= values) {
    const auto bytes = *reinterpret_cast<const Pack<std::uint8_t, kBytes>*>(images + first);
    const auto phase = static_cast<int>(first % 3);  // the channel of the first byte
    Floats<4> out;
    for (int i = 0; i < kBytes; ++i) {
      out[i % 4] = normalised(bytes.values[i], (phase + i) % 3);
      if (i % 4 == 3) store(to + first + i - 3, out);
    }
  } else {
    for (std::int64_t i = first; i < values && i < first + kBytes; ++i) to[i] = normalised(images[i], i % 3);
  }
}

void start_normalise_kernel(const std::uint8_t* images, std::int64_t values, const NormaliseConstants& constants,
                            float* to, StreamHandle stream) {
  constexpr std::int64_t kEach = kNormaliseThreads * kBytes;
  launch(normalise_kernel, dim3(static_cast<unsigned>((values + kEach - 1) / kEach)), dim3(kNormaliseThreads), stream,
         images, values, in_vectors<std::uint8_t>(kBytes, images, to), constants, to);
}

}  // namespace
}  // namespace mosaic
