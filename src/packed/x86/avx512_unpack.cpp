#include "packed/x86/avx512_kernels.h"
#include "packed/x86/block_head.h"

namespace mosaic::avx512 {
namespace {

struct alignas(64) ProfileVectors {
  std::uint8_t byte[64];    // of each value: which of the 64 after the first one; each group has eight
  std::uint8_t shift[64];   // of each value: its first bit among those of its group
  std::uint64_t extend[8];  // of each group: the matrix over GF(2) that copies the sign bit to those above it
};
struct alignas(64) UnpackTable {
  std::uint8_t place[64];  // of each coefficient in memory: the bit of the mask that it comes from
  ProfileVectors profile[kProfileCount];
};

consteval UnpackTable make_table() {
  UnpackTable t{};
  for (int p = 0; p < kProfileCount; ++p)
    for (int g = 0; g < 8; ++g) {
      const int width = kProfiles.width[p][g];
      for (int i = 0; i < 8; ++i) {
        const int byte = kProfiles.offset[p][g] + i;
        t.profile[p].byte[8 * g + i] = static_cast<std::uint8_t>(byte < 64 ? byte : 63);
        t.profile[p].shift[8 * g + i] = static_cast<std::uint8_t>(i * width);
      }
      for (int bit = 0; bit < 8; ++bit) {  // row 7 - bit of the matrix makes the result's bit
        const int from = bit < width ? bit : width - 1;
        t.profile[p].extend[g] |= std::uint64_t{1} << (8 * (7 - bit) + from);
      }
    }
  for (int z = 1; z < 64; ++z) t.place[kBlockOrder.of_zigzag[z]] = static_cast<std::uint8_t>(z - 1);
  t.place[0] = 63;  // no bit of a good mask; the DC comes last
  return t;
}
constexpr UnpackTable kTable = make_table();

[[gnu::always_inline]] inline void write_block(const BlockHead& head, __m512i place, std::int16_t* out) {
  const ProfileVectors& profile = kTable.profile[head.bits & kProfileMask];
  __m512i v = _mm512_permutexvar_epi8(_mm512_load_si512(profile.byte), _mm512_loadu_si512(head.values));
  v = _mm512_multishift_epi64_epi8(_mm512_load_si512(profile.shift), v);
  v = _mm512_gf2p8affine_epi64_epi8(v, _mm512_load_si512(profile.extend), 0);
  // Pass over zero: v > 0 stands as v - 1.
  const __mmask64 negative = _mm512_movepi8_mask(v);
  v = _mm512_mask_mov_epi8(_mm512_sub_epi8(v, _mm512_set1_epi8(-1)), negative, v);
  v = _mm512_maskz_expand_epi8(_cvtu64_mask64(head.mask), v);
  v = _mm512_permutexvar_epi8(place, v);
  _mm512_store_si512(out, _mm512_cvtepi8_epi16(_mm512_castsi512_si256(v)));
  _mm512_store_si512(out + 32, _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(v, 1)));
}

}  // namespace

bool unpack(BlockRows& rows, int streams, int skip, int count) {
  const __m512i place = _mm512_load_si512(kTable.place);
  const auto write = [place](const BlockHead& head, std::int16_t* out) { write_block(head, place, out); };
  if (streams == 1) return unpack_rows<1>(rows, skip, count, write);
  if (streams == 2) return unpack_rows<2>(rows, skip, count, write);
  return unpack_rows<3>(rows, skip, count, write);
}

}  // namespace mosaic::avx512
