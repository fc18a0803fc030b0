// Compiled for one instruction set: see CMakeLists.txt.
#if defined(__x86_64__)

#include "model/blur_loops.h"

namespace mosaic {

extern const BlurKernels<float> kAvx512BlurFloat32;
extern const BlurKernels<Bfloat16Bits> kAvx512BlurBfloat16;
constinit const BlurKernels<float> kAvx512BlurFloat32 = kBlurKernels<float>;
constinit const BlurKernels<Bfloat16Bits> kAvx512BlurBfloat16 = kBlurKernels<Bfloat16Bits>;

}  // namespace mosaic

#endif
