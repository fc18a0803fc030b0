#include "packed/x86/avx512_kernels.h"
#include "packed/x86/avx512_vectors.h"
#include "packed/x86/simd_colour.h"
#include "packed/x86/simd_inverse_dct.h"

namespace mosaic::avx512 {

void inverse_dct(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                 std::ptrdiff_t stride) {
  SimdInverseDct<Avx512>::run(coefficients, blocks, quant, out, stride);
}

void inverse_dct_half(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                      std::ptrdiff_t stride) {
  SimdHalfInverseDct<Avx512>::run(coefficients, blocks, quant, out, stride);
}

void upsample_across(const std::uint8_t* in, int n, std::uint8_t* out) {
  SimdColour<Avx512>::upsample_across(in, n, out);
}

void upsample_both(const std::uint8_t* near, const std::uint8_t* far, int n, std::uint8_t* out) {
  SimdColour<Avx512>::upsample_both(near, far, n, out);
}

void upsample_down(const std::uint8_t* near, const std::uint8_t* far, int bias, int n, std::uint8_t* out) {
  SimdColour<Avx512>::upsample_down(near, far, bias, n, out);
}

void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* r,
            std::uint8_t* g, std::uint8_t* b) {
  SimdColour<Avx512>::to_rgb(y, cb, cr, n, r, g, b);
}

}  // namespace mosaic::avx512
