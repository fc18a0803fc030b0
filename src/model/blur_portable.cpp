// Compiled for one instruction set: see CMakeLists.txt.
#include "model/blur_loops.h"

namespace mosaic {

extern const BlurKernels<float> kPortableBlurFloat32;
extern const BlurKernels<Bfloat16Bits> kPortableBlurBfloat16;
constinit const BlurKernels<float> kPortableBlurFloat32 = kBlurKernels<float>;
constinit const BlurKernels<Bfloat16Bits> kPortableBlurBfloat16 = kBlurKernels<Bfloat16Bits>;

}  // namespace mosaic
