#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

/// The vector operations of simd_inverse_dct.h and simd_colour.h, in AVX2. In an unnamed namespace: nothing of a file that
/// is compiled for one instruction set may be shared with others.
namespace mosaic {
namespace {

struct Avx2 {
  using V = __m256i;
  static constexpr int kBlocks = 2, kBytes = 32;  // a 128-bit lane for each block

  [[gnu::always_inline]] static V zero() { return _mm256_setzero_si256(); }
  [[gnu::always_inline]] static V set32(int x) { return _mm256_set1_epi32(x); }
  [[gnu::always_inline]] static V set16(int x) { return _mm256_set1_epi16(static_cast<short>(x)); }
  [[gnu::always_inline]] static V load(const void* p) { return _mm256_loadu_si256(static_cast<const V*>(p)); }
  [[gnu::always_inline]] static void store(void* p, V v) { _mm256_storeu_si256(static_cast<V*>(p), v); }
  [[gnu::always_inline]] static V add32(V a, V b) { return _mm256_add_epi32(a, b); }
  [[gnu::always_inline]] static V sub32(V a, V b) { return _mm256_sub_epi32(a, b); }
  [[gnu::always_inline]] static V add16(V a, V b) { return _mm256_add_epi16(a, b); }
  [[gnu::always_inline]] static V sub16(V a, V b) { return _mm256_sub_epi16(a, b); }
  [[gnu::always_inline]] static V or_bits(V a, V b) { return _mm256_or_si256(a, b); }
  [[gnu::always_inline]] static V multiply_low16(V a, V b) { return _mm256_mullo_epi16(a, b); }
  [[gnu::always_inline]] static V multiply_high_rounded16(V a, V b) { return _mm256_mulhrs_epi16(a, b); }
  [[gnu::always_inline]] static V dot(V a, V b) { return _mm256_madd_epi16(a, b); }
  [[gnu::always_inline]] static V dot(V sum, V a, V b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
  template <int kBits>
  [[gnu::always_inline]] static V shift_right32(V a) {
    return _mm256_srai_epi32(a, kBits);
  }
  template <int kBits>
  [[gnu::always_inline]] static V shift_right16(V a) {
    return _mm256_srli_epi16(a, kBits);
  }
  template <int kBits>
  [[gnu::always_inline]] static V shift_left16(V a) {
    return _mm256_slli_epi16(a, kBits);
  }
  [[gnu::always_inline]] static V pack32(V a, V b) { return _mm256_packs_epi32(a, b); }
  [[gnu::always_inline]] static V pack16(V a, V b) { return _mm256_packus_epi16(a, b); }
  [[gnu::always_inline]] static V low8(V a, V b) { return _mm256_unpacklo_epi8(a, b); }
  [[gnu::always_inline]] static V high8(V a, V b) { return _mm256_unpackhi_epi8(a, b); }
  [[gnu::always_inline]] static V low16(V a, V b) { return _mm256_unpacklo_epi16(a, b); }
  [[gnu::always_inline]] static V high16(V a, V b) { return _mm256_unpackhi_epi16(a, b); }
  [[gnu::always_inline]] static V low32(V a, V b) { return _mm256_unpacklo_epi32(a, b); }
  [[gnu::always_inline]] static V high32(V a, V b) { return _mm256_unpackhi_epi32(a, b); }
  [[gnu::always_inline]] static V low64(V a, V b) { return _mm256_unpacklo_epi64(a, b); }
  [[gnu::always_inline]] static V high64(V a, V b) { return _mm256_unpackhi_epi64(a, b); }

  /// Half a vector of bytes, widened, and back.
  [[gnu::always_inline]] static V widen(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static void store_narrow(std::uint8_t* p, V v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
  }

  [[gnu::always_inline]] static V repeat_lane(const void* p) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(static_cast<const __m128i*>(p)));
  }
  /// eighth[k]: words 8 k to 8 k + 7 of each of kBlocks blocks.
  [[gnu::always_inline]] static void load_blocks(const std::int16_t* p, V eighth[8]) {
    for (int k = 0; k < 8; ++k) {
      const auto* first = reinterpret_cast<const __m128i*>(p + 8 * k);
      eighth[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128(first)), _mm_load_si128(first + 8), 1);
    }
  }
  /// column[x]: four rows of each block's column x, to be clipped to bytes.
  [[gnu::always_inline]] static void store_four_rows(const V column[8], std::uint8_t* out, std::ptrdiff_t stride) {
    const V transpose =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const V left = _mm256_shuffle_epi8(pack16(pack32(column[0], column[1]), pack32(column[2], column[3])), transpose);
    const V right = _mm256_shuffle_epi8(pack16(pack32(column[4], column[5]), pack32(column[6], column[7])), transpose);
    store_two_rows(low32(left, right), out, stride);
    store_two_rows(high32(left, right), out + 2 * stride, stride);
  }
  /// column[x]: the same, of blocks of four columns.
  [[gnu::always_inline]] static void store_four_half_rows(const V column[4], std::uint8_t* out, std::ptrdiff_t stride) {
    const V transpose =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const V rows = _mm256_shuffle_epi8(pack16(pack32(column[0], column[1]), pack32(column[2], column[3])), transpose);
    const V in_order = _mm256_permutevar8x32_epi32(rows, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    alignas(32) std::uint64_t row[4];
    _mm256_store_si256(reinterpret_cast<V*>(row), in_order);
    for (int y = 0; y < 4; ++y) std::memcpy(out + y * stride, &row[y], sizeof row[y]);
  }

 private:
  [[gnu::always_inline]] static void store_two_rows(V v, std::uint8_t* out, std::ptrdiff_t stride) {
    v = _mm256_permute4x64_epi64(v, 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + stride), _mm256_extracti128_si256(v, 1));
  }
};

}  // namespace
}  // namespace mosaic
