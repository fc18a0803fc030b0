#include "model/batch_norm_kernels.h"

namespace mosaic {

// Each in the file that is named after its instruction set.
extern const BatchNormKernels<float> kPortableFloat32;
extern const BatchNormKernels<Bfloat16Bits> kPortableBfloat16;
#if defined(__x86_64__)
extern const BatchNormKernels<float> kAvx2Float32, kAvx512Float32;
extern const BatchNormKernels<Bfloat16Bits> kAvx2Bfloat16, kAvx512Bfloat16;
#endif

template <class T>
const BatchNormKernels<T>& batch_norm_kernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx512) return for_type<T>(kAvx512Float32, kAvx512Bfloat16);
  if (set == InstructionSet::kAvx2) return for_type<T>(kAvx2Float32, kAvx2Bfloat16);
#endif
  static_cast<void>(set);
  return for_type<T>(kPortableFloat32, kPortableBfloat16);
}
template const BatchNormKernels<float>& batch_norm_kernels(InstructionSet set);
template const BatchNormKernels<Bfloat16Bits>& batch_norm_kernels(InstructionSet set);

}  // namespace mosaic
