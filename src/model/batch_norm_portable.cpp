// Compiled for one instruction set: see CMakeLists.txt.
#include "model/batch_norm_loops.h"

namespace mosaic {

extern const BatchNormKernels<float> kPortableFloat32;
extern const BatchNormKernels<Bfloat16Bits> kPortableBfloat16;
constinit const BatchNormKernels<float> kPortableFloat32 = kKernels<float>;
constinit const BatchNormKernels<Bfloat16Bits> kPortableBfloat16 = kKernels<Bfloat16Bits>;

}  // namespace mosaic
