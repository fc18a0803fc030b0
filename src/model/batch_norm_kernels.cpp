#include "model/batch_norm_kernels.h"

#include <type_traits>

namespace mosaic {

// Each in the file that is named after its instruction set.
extern const BatchNormKernels<float> kPortableFloat32;
extern const BatchNormKernels<Bfloat16Bits> kPortableBfloat16;
#if defined(__x86_64__)
extern const BatchNormKernels<float> kAvx2Float32, kAvx512Float32;
extern const BatchNormKernels<Bfloat16Bits> kAvx2Bfloat16, kAvx512Bfloat16;
#endif

namespace {

template <class T>
const BatchNormKernels<T>& choose(const BatchNormKernels<float>& float32,
                                  const BatchNormKernels<Bfloat16Bits>& bfloat16) {
  if constexpr (std::is_same_v<T, float>)
    return float32;
  else
    return bfloat16;
}

}  // namespace

template <class T>
const BatchNormKernels<T>& batch_norm_kernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx512) return choose<T>(kAvx512Float32, kAvx512Bfloat16);
  if (set == InstructionSet::kAvx2) return choose<T>(kAvx2Float32, kAvx2Bfloat16);
#endif
  static_cast<void>(set);
  return choose<T>(kPortableFloat32, kPortableBfloat16);
}
template const BatchNormKernels<float>& batch_norm_kernels(InstructionSet set);
template const BatchNormKernels<Bfloat16Bits>& batch_norm_kernels(InstructionSet set);

}  // namespace mosaic
