#include "device/gpu_normalise.cuh"

namespace mosaic {

void start_normalise(const std::uint8_t* images, std::int64_t values, const NormaliseConstants& constants, float* to,
                     void* stream) {
  start_normalise_kernel(images, values, constants, to, stream);
}

}  // namespace mosaic
