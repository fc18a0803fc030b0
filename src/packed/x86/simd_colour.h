#pragma once

#include <cstdint>

#include "packed/x86/simd_inverse_dct.h"

/// Chroma upsampling and colours for any set of vectors S; portable_colour.cpp defines them.
namespace mosaic {
namespace {

template <class S>
struct SimdColour {
  using V = typename S::V;

  /// Half a vector, in words; chroma less 128. Constants are split so that products of words are enough:
  /// 1.402 = 1 + 13173 / 2^15, 1.772 = 2 - 7471 / 2^15, and green's 0.71414 = 1 - 18734 / 2^16.
  [[gnu::always_inline]] static void convert(V y, V cb, V cr, V& r, V& g, V& b) {
    r = S::add16(S::add16(y, cr), S::multiply_high_rounded16(cr, S::set16(13173)));
    b = S::add16(S::add16(S::add16(y, cb), cb), S::multiply_high_rounded16(cb, S::set16(-7471)));
    const V weights = S::set32(pair_of(-22554, 18734)), half = S::set32(32768);
    const V low = S::template shift_right32<16>(S::dot(half, S::low16(cb, cr), weights));
    const V high = S::template shift_right32<16>(S::dot(half, S::high16(cb, cr), weights));
    g = S::add16(S::sub16(y, cr), S::pack32(low, high));
  }

  static void to_rgb(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* r,
                     std::uint8_t* g, std::uint8_t* b) {
    const V zero = S::zero(), centre = S::set16(128);
    for (int i = 0; i < n; i += S::kBytes) {
      const V vy = S::load(y + i), vcb = S::load(cb + i), vcr = S::load(cr + i);
      V low[3], high[3];
      convert(S::low8(vy, zero), S::sub16(S::low8(vcb, zero), centre), S::sub16(S::low8(vcr, zero), centre), low[0],
              low[1], low[2]);
      convert(S::high8(vy, zero), S::sub16(S::high8(vcb, zero), centre), S::sub16(S::high8(vcr, zero), centre), high[0],
              high[1], high[2]);
      S::store(r + i, S::pack16(low[0], high[0]));
      S::store(g + i, S::pack16(low[1], high[1]));
      S::store(b + i, S::pack16(low[2], high[2]));
    }
  }

  [[gnu::always_inline]] static V triple(V v) { return S::add16(S::add16(v, v), v); }

  static void upsample_across(const std::uint8_t* in, int n, std::uint8_t* out) {
    for (int i = 0; i < n; i += S::kBytes / 2) {
      const V own = triple(S::widen(in + i));
      const V even = S::template shift_right16<2>(S::add16(S::add16(own, S::widen(in + i - 1)), S::set16(1)));
      const V odd = S::template shift_right16<2>(S::add16(S::add16(own, S::widen(in + i + 1)), S::set16(2)));
      S::store(out + 2 * i, S::or_bits(even, S::template shift_left16<8>(odd)));
    }
  }

  [[gnu::always_inline]] static V column(const std::uint8_t* near, const std::uint8_t* far, int i) {
    return S::add16(triple(S::widen(near + i)), S::widen(far + i));
  }

  static void upsample_both(const std::uint8_t* near, const std::uint8_t* far, int n, std::uint8_t* out) {
    for (int i = 0; i < n; i += S::kBytes / 2) {
      const V own = triple(column(near, far, i));
      const V even = S::template shift_right16<4>(S::add16(S::add16(own, column(near, far, i - 1)), S::set16(8)));
      const V odd = S::template shift_right16<4>(S::add16(S::add16(own, column(near, far, i + 1)), S::set16(7)));
      S::store(out + 2 * i, S::or_bits(even, S::template shift_left16<8>(odd)));
    }
  }

  static void upsample_down(const std::uint8_t* near, const std::uint8_t* far, int bias, int n, std::uint8_t* out) {
    for (int i = 0; i < n; i += S::kBytes / 2)
      S::store_narrow(out + i, S::template shift_right16<2>(S::add16(column(near, far, i), S::set16(bias))));
  }
};

}  // namespace
}  // namespace mosaic
