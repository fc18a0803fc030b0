#include "packed/x86/avx2_kernels.h"
#include "packed/x86/block_head.h"

namespace mosaic::avx2 {
namespace {

struct alignas(32) UnpackTable {
  std::uint64_t deposit[kProfileCount][8];  // where pdep puts the bits of a group's values: the low ones of each byte
  std::uint8_t sign[kProfileCount][64];     // the sign bit of each value
  std::uint8_t place[66];                   // in memory, of each bit of the mask; 0 for those beyond
};

consteval UnpackTable make_table() {
  UnpackTable t{};
  for (int p = 0; p < kProfileCount; ++p)
    for (int g = 0; g < 8; ++g) {
      t.deposit[p][g] = ((std::uint64_t{1} << kProfiles.width[p][g]) - 1) * 0x0101010101010101u;
      for (int i = 0; i < 8; ++i) t.sign[p][8 * g + i] = static_cast<std::uint8_t>(1u << (kProfiles.width[p][g] - 1));
    }
  for (int z = 1; z < 64; ++z) t.place[z - 1] = kBlockOrder.of_zigzag[z];
  return t;
}
constexpr UnpackTable kTable = make_table();

/// 32 values: extend the sign, then pass over zero (v > 0 stands as v - 1).
[[gnu::always_inline]] inline __m256i extend(__m256i field, __m256i sign) {
  const __m256i v = _mm256_sub_epi8(_mm256_xor_si256(field, sign), sign);
  const __m256i negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), v);
  return _mm256_add_epi8(_mm256_add_epi8(v, _mm256_set1_epi8(1)), negative);
}

[[gnu::always_inline]] inline void write_block(const BlockHead& head, std::int16_t* out) {
  alignas(32) std::int8_t values[64];
  const std::uint32_t profile = head.bits & kProfileMask;
  for (int first = 0; first < head.count; first += 32) {
    alignas(32) std::uint64_t fields[4];
    for (int g = 0; g < 4; ++g) {
      std::uint64_t bits;
      std::memcpy(&bits, head.values + kProfiles.offset[profile][first / 8 + g], 8);
      fields[g] = _pdep_u64(bits, kTable.deposit[profile][first / 8 + g]);
    }
    const __m256i v = extend(_mm256_load_si256(reinterpret_cast<const __m256i*>(fields)),
                             _mm256_load_si256(reinterpret_cast<const __m256i*>(kTable.sign[profile] + first)));
    _mm256_store_si256(reinterpret_cast<__m256i*>(values + first), v);
  }
  for (int i = 0; i < 4; ++i) _mm256_store_si256(reinterpret_cast<__m256i*>(out + 16 * i), _mm256_setzero_si256());
  // Four at a time: those too many go to place 0, where the DC comes last.
  std::uint64_t mask = head.mask;
  for (int first = 0; first < head.count; first += 4)
    for (int i = first; i < first + 4; ++i) {
      out[kTable.place[_tzcnt_u64(mask)]] = values[i];
      mask = _blsr_u64(mask);
    }
}

}  // namespace

bool unpack(BlockRows& rows, int streams, int skip, int count) {
  // One after the other: side by side, the values would take more registers than there are.
  for (int s = 0; s < streams; ++s) {
    BlockRows row{.at = {rows.at[s]}, .end = rows.end, .out = rows.out + s * rows.out_stride, .out_stride = 0};
    const auto write = [](const BlockHead& head, std::int16_t* out) { write_block(head, out); };
    if (!unpack_rows<1>(row, skip, count, write)) return false;
    rows.at[s] = row.at[0];
  }
  return true;
}

}  // namespace mosaic::avx2
