#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

/// The vector operations of simd_inverse_dct.h and simd_colour.h, in AVX-512. In an unnamed namespace: nothing of a file that
/// is compiled for one instruction set may be shared with others.
namespace mosaic {
namespace {

/// For `store_four_rows`: where the byte of (pair of rows, row, block, column) comes from.
struct alignas(64) StoreOrder {
  std::uint8_t from[2][64];
};
consteval StoreOrder make_store_order() {
  StoreOrder order{};
  for (int pair = 0; pair < 2; ++pair)
    for (int i = 0; i < 64; ++i)
      order.from[pair][i] = static_cast<std::uint8_t>(i % 32 / 8 * 16 + i % 4 * 4 + pair * 2 + i / 32);
  return order;
}
constexpr StoreOrder kStoreOrder = make_store_order();

struct Avx512 {
  using V = __m512i;
  static constexpr int kBlocks = 4, kBytes = 64;  // a 128-bit lane for each block

  [[gnu::always_inline]] static V zero() { return _mm512_setzero_si512(); }
  [[gnu::always_inline]] static V set32(int x) { return _mm512_set1_epi32(x); }
  [[gnu::always_inline]] static V set16(int x) { return _mm512_set1_epi16(static_cast<short>(x)); }
  [[gnu::always_inline]] static V load(const void* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static void store(void* p, V v) { _mm512_storeu_si512(p, v); }
  [[gnu::always_inline]] static V add32(V a, V b) { return _mm512_add_epi32(a, b); }
  [[gnu::always_inline]] static V sub32(V a, V b) { return _mm512_sub_epi32(a, b); }
  [[gnu::always_inline]] static V add16(V a, V b) { return _mm512_add_epi16(a, b); }
  [[gnu::always_inline]] static V sub16(V a, V b) { return _mm512_sub_epi16(a, b); }
  [[gnu::always_inline]] static V or_bits(V a, V b) { return _mm512_or_si512(a, b); }
  [[gnu::always_inline]] static V multiply_low16(V a, V b) { return _mm512_mullo_epi16(a, b); }
  [[gnu::always_inline]] static V multiply_high_rounded16(V a, V b) { return _mm512_mulhrs_epi16(a, b); }
  [[gnu::always_inline]] static V dot(V a, V b) { return _mm512_madd_epi16(a, b); }
  [[gnu::always_inline]] static V dot(V sum, V a, V b) { return _mm512_dpwssd_epi32(sum, a, b); }
  template <int kBits>
  [[gnu::always_inline]] static V shift_right32(V a) {
    return _mm512_srai_epi32(a, kBits);
  }
  template <int kBits>
  [[gnu::always_inline]] static V shift_right16(V a) {
    return _mm512_srli_epi16(a, kBits);
  }
  template <int kBits>
  [[gnu::always_inline]] static V shift_left16(V a) {
    return _mm512_slli_epi16(a, kBits);
  }
  [[gnu::always_inline]] static V pack32(V a, V b) { return _mm512_packs_epi32(a, b); }
  [[gnu::always_inline]] static V pack16(V a, V b) { return _mm512_packus_epi16(a, b); }
  [[gnu::always_inline]] static V low8(V a, V b) { return _mm512_unpacklo_epi8(a, b); }
  [[gnu::always_inline]] static V high8(V a, V b) { return _mm512_unpackhi_epi8(a, b); }
  [[gnu::always_inline]] static V low16(V a, V b) { return _mm512_unpacklo_epi16(a, b); }
  [[gnu::always_inline]] static V high16(V a, V b) { return _mm512_unpackhi_epi16(a, b); }
  [[gnu::always_inline]] static V low32(V a, V b) { return _mm512_unpacklo_epi32(a, b); }
  [[gnu::always_inline]] static V high32(V a, V b) { return _mm512_unpackhi_epi32(a, b); }
  [[gnu::always_inline]] static V low64(V a, V b) { return _mm512_unpacklo_epi64(a, b); }
  [[gnu::always_inline]] static V high64(V a, V b) { return _mm512_unpackhi_epi64(a, b); }

  /// Half a vector of bytes, widened, and back.
  [[gnu::always_inline]] static V widen(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  [[gnu::always_inline]] static void store_narrow(std::uint8_t* p, V v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi16_epi8(v));
  }

  [[gnu::always_inline]] static V repeat_lane(const void* p) {
    return _mm512_broadcast_i32x4(_mm_load_si128(static_cast<const __m128i*>(p)));
  }
  /// eighth[k]: words 8 k to 8 k + 7 of each of kBlocks blocks.
  [[gnu::always_inline]] static void load_blocks(const std::int16_t* p, V eighth[8]) {
    for (int half = 0; half < 2; ++half, p += 32) {
      const V a = _mm512_load_si512(p), b = _mm512_load_si512(p + 64);
      const V c = _mm512_load_si512(p + 128), d = _mm512_load_si512(p + 192);
      const V ab0 = _mm512_shuffle_i32x4(a, b, 0x44), ab1 = _mm512_shuffle_i32x4(a, b, 0xEE);
      const V cd0 = _mm512_shuffle_i32x4(c, d, 0x44), cd1 = _mm512_shuffle_i32x4(c, d, 0xEE);
      eighth[4 * half + 0] = _mm512_shuffle_i32x4(ab0, cd0, 0x88);
      eighth[4 * half + 1] = _mm512_shuffle_i32x4(ab0, cd0, 0xDD);
      eighth[4 * half + 2] = _mm512_shuffle_i32x4(ab1, cd1, 0x88);
      eighth[4 * half + 3] = _mm512_shuffle_i32x4(ab1, cd1, 0xDD);
    }
  }
  /// column[x]: four rows of each block's column x, to be clipped to bytes.
  [[gnu::always_inline]] static void store_four_rows(const V column[8], std::uint8_t* out, std::ptrdiff_t stride) {
    const V left = pack16(pack32(column[0], column[1]), pack32(column[2], column[3]));
    const V right = pack16(pack32(column[4], column[5]), pack32(column[6], column[7]));
    for (int pair = 0; pair < 2; ++pair) {
      const V from = _mm512_load_si512(kStoreOrder.from[pair]);
      const V v = _mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(from, left), 0xF0F0F0F0F0F0F0F0, from, right);
      std::uint8_t* row = out + 2 * pair * stride;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row), _mm512_castsi512_si256(v));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + stride), _mm512_extracti64x4_epi64(v, 1));
    }
  }
  /// column[x]: the same, of blocks of four columns.
  [[gnu::always_inline]] static void store_four_half_rows(const V column[4], std::uint8_t* out, std::ptrdiff_t stride) {
    const V transpose = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const V rows = _mm512_shuffle_epi8(pack16(pack32(column[0], column[1]), pack32(column[2], column[3])), transpose);
    const V v = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), rows);
    auto* to = reinterpret_cast<__m128i*>(out);
    _mm_storeu_si128(to, _mm512_castsi512_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + stride), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * stride), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * stride), _mm512_extracti32x4_epi32(v, 3));
  }
};

}  // namespace
}  // namespace mosaic
