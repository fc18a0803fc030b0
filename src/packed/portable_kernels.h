#pragma once

#include "packed/kernels.h"

namespace mosaic {

/// The kernels that define the results: plain loops, one .cpp for each concern.
namespace portable {

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

/// One block, with every read checked; the vector kernels take it where a record is near its end.
/// @param dc   of the block before; becomes that of this one
/// @param out  64 coefficients in the order of block_order.h; nullptr to pass the block by
/// @return the byte after it; nullptr if it is no block as we write them
const std::uint8_t* unpack_block(const std::uint8_t* at, const std::uint8_t* end, int& dc, std::int16_t* out);

}  // namespace portable

const Kernels& portable_kernels();

}  // namespace mosaic
