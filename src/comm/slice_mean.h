#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mosaic {

/// The arithmetic of an exchange on the host: what one rank does with the slices that it gets from all ranks.

/// A number's upper 16 bits, rounded to nearest, ties to even.
using Bfloat16 = std::uint16_t;

void round_to_bfloat16(std::span<const float> from, Bfloat16* to);
void widen_bfloat16(std::span<const Bfloat16> from, float* to);

/// to[i] = (slices[0][i] + slices[1][i] + ...) / number of slices, summed in this order in type Number.
/// @param slices  of `count` elements each: of Number, but where `Wire` is Bfloat16 all except slice `own` are of that
/// @param to  `count` numbers; may be slice `own`
template <class Number, class Wire>
void mean_of_slices(std::span<const void* const> slices, std::size_t own, std::size_t count, Number* to);

extern template void mean_of_slices<float, float>(std::span<const void* const>, std::size_t, std::size_t, float*);
extern template void mean_of_slices<double, double>(std::span<const void* const>, std::size_t, std::size_t, double*);
extern template void mean_of_slices<float, Bfloat16>(std::span<const void* const>, std::size_t, std::size_t, float*);

}  // namespace mosaic
