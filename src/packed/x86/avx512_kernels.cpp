#include "packed/x86/avx512_kernels.h"

#include "packed/kernel_choice.h"

namespace mosaic {

const Kernels* avx512_kernels() {
  static constexpr Kernels kKernels = {
      .name = "avx512",
      .plan_tables = PlanTables::kDigits,
      .unpack = avx512::unpack,
      .inverse_dct = avx512::inverse_dct,
      .inverse_dct_half = avx512::inverse_dct_half,
      .upsample_across = avx512::upsample_across,
      .upsample_both = avx512::upsample_both,
      .upsample_down = avx512::upsample_down,
      .to_rgb = avx512::to_rgb,
      .across = avx512::across,
      .down = avx512::down,
      .interleave = avx512::interleave,
      .deinterleave = avx512::deinterleave,
  };
  const bool can =
      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
      __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("gfni");
  return can ? &kKernels : nullptr;
}

}  // namespace mosaic
