// Compiled for one instruction set: see CMakeLists.txt.
#if defined(__x86_64__)

#include "model/batch_norm_loops.h"

namespace mosaic {

extern const BatchNormKernels<float> kAvx2Float32;
extern const BatchNormKernels<Bfloat16Bits> kAvx2Bfloat16;
constinit const BatchNormKernels<float> kAvx2Float32 = kKernels<float>;
constinit const BatchNormKernels<Bfloat16Bits> kAvx2Bfloat16 = kKernels<Bfloat16Bits>;

}  // namespace mosaic

#endif
