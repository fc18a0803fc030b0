#include "packed/portable_kernels.h"

namespace mosaic {

const Kernels& portable_kernels() {
  static constexpr Kernels kKernels = {
      .name = "portable",
      .plan_tables = PlanTables::kWeights,
      .unpack = portable::unpack,
      .inverse_dct = portable::inverse_dct,
      .inverse_dct_half = portable::inverse_dct_half,
      .upsample_across = portable::upsample_across,
      .upsample_both = portable::upsample_both,
      .upsample_down = portable::upsample_down,
      .to_rgb = portable::to_rgb,
      .across = portable::across,
      .down = portable::down,
      .interleave = portable::interleave,
      .deinterleave = portable::deinterleave,
  };
  return kKernels;
}

}  // namespace mosaic
