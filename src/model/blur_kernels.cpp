#include "model/blur_kernels.h"

namespace mosaic {

// Each in the file that is named after its instruction set.
extern const BlurKernels<float> kPortableBlurFloat32;
extern const BlurKernels<Bfloat16Bits> kPortableBlurBfloat16;
#if defined(__x86_64__)
extern const BlurKernels<float> kAvx2BlurFloat32, kAvx512BlurFloat32;
extern const BlurKernels<Bfloat16Bits> kAvx2BlurBfloat16, kAvx512BlurBfloat16;
#endif

template <class T>
const BlurKernels<T>& blur_kernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx512) return for_type<T>(kAvx512BlurFloat32, kAvx512BlurBfloat16);
  if (set == InstructionSet::kAvx2) return for_type<T>(kAvx2BlurFloat32, kAvx2BlurBfloat16);
#endif
  static_cast<void>(set);
  return for_type<T>(kPortableBlurFloat32, kPortableBlurBfloat16);
}
template const BlurKernels<float>& blur_kernels(InstructionSet set);
template const BlurKernels<Bfloat16Bits>& blur_kernels(InstructionSet set);

}  // namespace mosaic
