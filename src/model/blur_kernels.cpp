#include "model/blur_kernels.h"

#include <type_traits>

namespace mosaic {

// Each in the file that is named after its instruction set.
extern const BlurKernels<float> kPortableBlurFloat32;
extern const BlurKernels<Bfloat16Bits> kPortableBlurBfloat16;
#if defined(__x86_64__)
extern const BlurKernels<float> kAvx2BlurFloat32, kAvx512BlurFloat32;
extern const BlurKernels<Bfloat16Bits> kAvx2BlurBfloat16, kAvx512BlurBfloat16;
#endif

namespace {

template <class T>
const BlurKernels<T>& choose(const BlurKernels<float>& float32, const BlurKernels<Bfloat16Bits>& bfloat16) {
  if constexpr (std::is_same_v<T, float>)
    return float32;
  else
    return bfloat16;
}

}  // namespace

template <class T>
const BlurKernels<T>& blur_kernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx512) return choose<T>(kAvx512BlurFloat32, kAvx512BlurBfloat16);
  if (set == InstructionSet::kAvx2) return choose<T>(kAvx2BlurFloat32, kAvx2BlurBfloat16);
#endif
  static_cast<void>(set);
  return choose<T>(kPortableBlurFloat32, kPortableBlurBfloat16);
}
template const BlurKernels<float>& blur_kernels(InstructionSet set);
template const BlurKernels<Bfloat16Bits>& blur_kernels(InstructionSet set);

}  // namespace mosaic
