#include "packed/x86/avx2_kernels.h"

#include "packed/kernel_choice.h"

namespace mosaic {

const Kernels* avx2_kernels() {
  static constexpr Kernels kKernels = {
      .name = "avx2",
      .plan_tables = PlanTables::kWords,
      .unpack = avx2::unpack,
      .inverse_dct = avx2::inverse_dct,
      .inverse_dct_half = avx2::inverse_dct_half,
      .upsample_across = avx2::upsample_across,
      .upsample_both = avx2::upsample_both,
      .upsample_down = avx2::upsample_down,
      .to_rgb = avx2::to_rgb,
      .across = avx2::across,
      .down = avx2::down,
      .interleave = avx2::interleave,
      .deinterleave = avx2::deinterleave,
  };
  const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                   __builtin_cpu_supports("popcnt");
  return can ? &kKernels : nullptr;
}

}  // namespace mosaic
