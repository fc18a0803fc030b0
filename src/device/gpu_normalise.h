#pragma once

#include <cstdint>

namespace mosaic {

/// Of the three channels, on the 0-255 scale.
struct NormaliseConstants {
  float mean[3], std[3];
};

/// (x - mean) / std of bytes in NHWC, in the same order: what `normalise` of device_batch.h does, in one pass over memory.
/// Starts a kernel in `stream`, a cudaStream_t, and returns at once; both pointers are the GPU's.
/// @param values  number of bytes, from the first channel of a pixel on
void start_normalise(const std::uint8_t* images, std::int64_t values, const NormaliseConstants& constants, float* to,
                     void* stream);

}  // namespace mosaic
