#pragma once

#include <cstddef>
#include <cstdint>

/// libjpeg's integer slow inverse DCT for any set of vectors S, a 128-bit lane for each block. The same integers as in
/// portable_inverse_dct.cpp: products are put together before the additions, which is exact.
namespace mosaic {
namespace {

/// Multipliers of the first and the second word of a pair.
constexpr std::int32_t pair_of(int first, int second) {
  return static_cast<std::int32_t>(static_cast<std::uint16_t>(first) |
                                   static_cast<std::uint32_t>(static_cast<std::uint16_t>(second)) << 16);
}

template <class S>
struct SimdInverseDct {
  using V = typename S::V;

  /// @param in   pairs (0,4) (2,6) (1,7) (3,5)
  /// @param out  the eight results, kLevel added to each after the shift
  template <int kShift, int kLevel>
  [[gnu::always_inline]] static void pass(const V in[4], V out[8]) {
    const V round = S::set32((1 << (kShift - 1)) + (kLevel << kShift));
    const V sum04 = S::dot(round, in[0], S::set32(pair_of(8192, 8192)));
    const V difference04 = S::dot(round, in[0], S::set32(pair_of(8192, -8192)));
    const V even[4] = {S::dot(sum04, in[1], S::set32(pair_of(10703, 4433))),
                       S::dot(difference04, in[1], S::set32(pair_of(4433, -10704))),
                       S::dot(difference04, in[1], S::set32(pair_of(-4433, 10704))),
                       S::dot(sum04, in[1], S::set32(pair_of(-10703, -4433)))};
    const V odd[4] = {S::dot(S::dot(in[2], S::set32(pair_of(11363, 2260))), in[3], S::set32(pair_of(9633, 6437))),
                      S::dot(S::dot(in[2], S::set32(pair_of(9633, -6436))), in[3], S::set32(pair_of(-2259, -11362))),
                      S::dot(S::dot(in[2], S::set32(pair_of(6437, 9633))), in[3], S::set32(pair_of(-11362, 2261))),
                      S::dot(S::dot(in[2], S::set32(pair_of(2260, -11363))), in[3], S::set32(pair_of(-6436, 9633)))};
    for (int i = 0; i < 4; ++i) {
      out[i] = S::template shift_right32<kShift>(S::add32(even[i], odd[i]));
      out[7 - i] = S::template shift_right32<kShift>(S::sub32(even[i], odd[i]));
    }
  }

  /// 4 x 4 double words within each lane.
  [[gnu::always_inline]] static void transpose(const V in[4], V out[4]) {
    const V a = S::low32(in[0], in[1]), b = S::high32(in[0], in[1]);
    const V c = S::low32(in[2], in[3]), d = S::high32(in[2], in[3]);
    out[0] = S::low64(a, c);
    out[1] = S::high64(a, c);
    out[2] = S::low64(b, d);
    out[3] = S::high64(b, d);
  }

  [[gnu::always_inline]] static void blocks(const std::int16_t* coefficients, const V quant[8], std::uint8_t* out,
                                            std::ptrdiff_t stride) {
    V eighth[8], left[4], right[4];
    S::load_blocks(coefficients, eighth);
    for (int p = 0; p < 4; ++p) {
      left[p] = S::multiply_low16(eighth[2 * p], quant[2 * p]);
      right[p] = S::multiply_low16(eighth[2 * p + 1], quant[2 * p + 1]);
    }
    V a[8], b[8], row[8];
    pass<11, 0>(left, a);
    pass<11, 0>(right, b);
    for (int y = 0; y < 8; ++y) row[y] = S::pack32(a[y], b[y]);
    // A row has columns 0 4 2 6 1 7 3 5 now: its double words are the pairs of the second pass.
    transpose(row, left);
    transpose(row + 4, right);
    pass<18, 128>(left, a);
    S::store_four_rows(a, out, stride);
    pass<18, 128>(right, b);
    S::store_four_rows(b, out + 4 * stride, stride);
  }

  static void run(const std::int16_t* coefficients, int count, const std::uint16_t* quant, std::uint8_t* out,
                  std::ptrdiff_t stride) {
    V q[8];
    for (int i = 0; i < 8; ++i) q[i] = S::repeat_lane(quant + 8 * i);
    for (int i = 0; i < count; i += S::kBlocks, coefficients += S::kBlocks * 64, out += S::kBlocks * 8)
      blocks(coefficients, q, out, stride);
  }
};

/// At half the size: see Kernels::inverse_dct_half.
template <class S>
struct SimdHalfInverseDct {
  using V = typename S::V;

  /// @param in   pairs (0,4) (2,6) (1,7) (3,5)
  template <int kShift, int kLevel>
  [[gnu::always_inline]] static void pass(const V in[4], V out[4]) {
    const V even = S::dot(S::set32((1 << (kShift - 1)) + (kLevel << kShift)), in[0], S::set32(pair_of(8192, 0)));
    const V outer = S::dot(even, in[1], S::set32(pair_of(7568, -3135)));
    const V inner = S::dot(even, in[1], S::set32(pair_of(-7568, 3135)));
    const V odd_outer = S::dot(S::dot(in[2], S::set32(pair_of(10498, -2088))), in[3], S::set32(pair_of(3686, -2463)));
    const V odd_inner = S::dot(S::dot(in[2], S::set32(pair_of(4348, -865))), in[3], S::set32(pair_of(-8900, 5946)));
    out[0] = S::template shift_right32<kShift>(S::add32(outer, odd_outer));
    out[1] = S::template shift_right32<kShift>(S::add32(inner, odd_inner));
    out[2] = S::template shift_right32<kShift>(S::sub32(inner, odd_inner));
    out[3] = S::template shift_right32<kShift>(S::sub32(outer, odd_outer));
  }

  static void run(const std::int16_t* coefficients, int count, const std::uint16_t* quant, std::uint8_t* out,
                  std::ptrdiff_t stride) {
    V q[8];
    for (int i = 0; i < 8; ++i) q[i] = S::repeat_lane(quant + 8 * i);
    for (int i = 0; i < count; i += S::kBlocks, coefficients += S::kBlocks * 64, out += S::kBlocks * 4) {
      V eighth[8], left[4], right[4], a[4], b[4], row[4];
      S::load_blocks(coefficients, eighth);
      for (int p = 0; p < 4; ++p) {
        left[p] = S::multiply_low16(eighth[2 * p], q[2 * p]);
        right[p] = S::multiply_low16(eighth[2 * p + 1], q[2 * p + 1]);
      }
      pass<11, 0>(left, a);
      pass<11, 0>(right, b);
      for (int y = 0; y < 4; ++y) row[y] = S::pack32(a[y], b[y]);
      SimdInverseDct<S>::transpose(row, left);
      pass<18, 128>(left, a);
      S::store_four_half_rows(a, out, stride);
    }
  }
};

}  // namespace
}  // namespace mosaic
