#pragma once

#include "packed/kernels.h"

namespace mosaic {

/// For processors with AVX2 and BMI2 (Haswell, Zen 1 and newer; pdep is slow before Zen 3). One .cpp for each concern.
namespace avx2 {

bool unpack(BlockRows& rows, int streams, int skip, int count);
void inverse_dct(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                 std::ptrdiff_t stride);
void inverse_dct_half(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                      std::ptrdiff_t stride);
void upsample_across(const std::uint8_t* in, int n, std::uint8_t* out);
void upsample_both(const std::uint8_t* near, const std::uint8_t* far, int n, std::uint8_t* out);
void upsample_down(const std::uint8_t* near, const std::uint8_t* far, int bias, int n, std::uint8_t* out);
void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* r,
            std::uint8_t* g, std::uint8_t* b);
void across(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out);
void down(const RowGroups& rows, const DownPlan& plan, int y, int width, std::uint8_t* out);
void interleave(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, int n, bool flip,
                std::uint8_t* out);
void deinterleave(const std::uint8_t* in, int n, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b);

}  // namespace avx2

}  // namespace mosaic
