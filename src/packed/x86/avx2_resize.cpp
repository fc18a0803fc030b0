#include "packed/x86/avx2_kernels.h"
#include "packed/x86/avx2_vectors.h"

namespace mosaic::avx2 {
namespace {

// A weight is hi * 2^15 + lo, both signed words, so that products of words with bytes add up in double words. Sums of lo may
// go beyond 32 bits; they are taken modulo 2^32 all along, and the sum of all is not beyond.

constexpr int kFractionBits = 22;

[[gnu::always_inline]] inline __m256i to_samples(__m256i hi, __m256i lo) {
  return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(hi, 15), lo), kFractionBits);
}

/// 32 samples from four vectors of double words, lane by lane.
[[gnu::always_inline]] inline __m256i to_bytes(const __m256i s[4]) {
  return _mm256_packus_epi16(_mm256_packs_epi32(s[0], s[1]), _mm256_packs_epi32(s[2], s[3]));
}

[[gnu::always_inline]] inline __m256i two_lanes(const void* low, const void* high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(low))),
                                 _mm_loadu_si128(static_cast<const __m128i*>(high)), 1);
}

/// Four taps of eight outputs as words: taps 0 1 and taps 2 3.
template <bool kQuadsFit>
[[gnu::always_inline]] inline void load_taps(const std::uint8_t* row, const AcrossPlan& plan, int run, int half,
                                             int group, __m256i& taps01, __m256i& taps23) {
  if constexpr (kQuadsFit) {
    const int quad = 4 * run + 2 * half;
    const std::uint8_t* from = row + 4 * group;
    const __m256i v = two_lanes(from + plan.quad_first[quad], from + plan.quad_first[quad + 1]);
    const std::uint8_t* shuffle = plan.quad_shuffle + 32 * quad;
    taps01 = _mm256_shuffle_epi8(v, two_lanes(shuffle, shuffle + 32));
    taps23 = _mm256_shuffle_epi8(v, two_lanes(shuffle + 16, shuffle + 48));
  } else {
    const __m256i first = Avx2::load(plan.first + 16 * run + 8 * half);
    const __m256i v = _mm256_i32gather_epi32(reinterpret_cast<const int*>(row + 4 * group), first, 1);
    const __m256i words =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    taps01 = _mm256_shuffle_epi8(v, words);
    taps23 = _mm256_shuffle_epi8(_mm256_srli_epi32(v, 16), words);
  }
}

template <bool kQuadsFit>
void across_runs(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  const __m256i transpose =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  for (int run = 0; run < plan.runs; ++run)
    for (int half = 0; half < 2; ++half, out += 32) {
      __m256i hi[4], lo[4];
      for (int r = 0; r < 4; ++r) {
        hi[r] = _mm256_setzero_si256();
        lo[r] = _mm256_set1_epi32(1 << (kFractionBits - 1));
      }
      for (int g = 0; g < plan.tap_groups; ++g) {
        const std::int16_t* w = plan.words + (static_cast<std::ptrdiff_t>(run) * plan.tap_groups + g) * 128 + 16 * half;
        const __m256i hi01 = Avx2::load(w), lo01 = Avx2::load(w + 32);
        const __m256i hi23 = Avx2::load(w + 64), lo23 = Avx2::load(w + 96);
        for (int r = 0; r < 4; ++r) {
          __m256i taps01, taps23;
          load_taps<kQuadsFit>(rows[r], plan, run, half, g, taps01, taps23);
          hi[r] = Avx2::dot(Avx2::dot(hi[r], taps01, hi01), taps23, hi23);
          lo[r] = Avx2::dot(Avx2::dot(lo[r], taps01, lo01), taps23, lo23);
        }
      }
      __m256i s[4];
      for (int r = 0; r < 4; ++r) s[r] = to_samples(hi[r], lo[r]);
      Avx2::store(out, _mm256_shuffle_epi8(to_bytes(s), transpose));
    }
}

struct alignas(16) InterleaveOrder {
  std::uint8_t from[2][3][3][16];  // [flip][third of 48 bytes][channel]
};
consteval InterleaveOrder make_interleave_order() {
  InterleaveOrder order{};
  for (int flip = 0; flip < 2; ++flip)
    for (int third = 0; third < 3; ++third)
      for (int channel = 0; channel < 3; ++channel)
        for (int i = 0; i < 16; ++i) {
          const int byte = 16 * third + i, pixel = byte / 3;
          order.from[flip][third][channel][i] = static_cast<std::uint8_t>(byte % 3 != channel ? 0x80
                                                                          : flip              ? 15 - pixel
                                                                                              : pixel);
        }
  return order;
}
constexpr InterleaveOrder kInterleaveOrder = make_interleave_order();

/// Which byte of each third of 16 pixels goes to place i of a channel; 0x80: none of it.
struct DeinterleaveOrder {
  alignas(16) std::uint8_t from[3][3][16];  // [channel][third]
};

consteval DeinterleaveOrder make_deinterleave_order() {
  DeinterleaveOrder order{};
  for (int channel = 0; channel < 3; ++channel)
    for (int third = 0; third < 3; ++third)
      for (int i = 0; i < 16; ++i) {
        const int byte = 3 * i + channel - 16 * third;
        order.from[channel][third][i] = static_cast<std::uint8_t>(byte >= 0 && byte < 16 ? byte : 0x80);
      }
  return order;
}
constexpr DeinterleaveOrder kDeinterleaveOrder = make_deinterleave_order();

}  // namespace

void across(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  if (plan.quads_fit) {
    across_runs<true>(rows, plan, out);
  } else {
    across_runs<false>(rows, plan, out);
  }
}

void down(const RowGroups& rows, const DownPlan& plan, int y, int width, std::uint8_t* out) {
  const __m256i even_bytes = _mm256_set1_epi32(0x00FF00FF);
  const int first = plan.first_group[y], groups = plan.groups[y];
  for (int x = 0; x < width; x += 32) {
    const std::int16_t* words = plan.words + std::ptrdiff_t{8} * plan.begin[y];
    __m256i hi[4], lo[4];
    for (int k = 0; k < 4; ++k) {
      hi[k] = _mm256_setzero_si256();
      lo[k] = _mm256_set1_epi32(1 << (kFractionBits - 1));
    }
    for (int g = 0; g < groups; ++g, words += 8) {
      const std::uint8_t* in = rows.base + rows.stride * ((first + g) & rows.mask) + 4 * x;
      std::int32_t w[4];
      std::memcpy(w, words, 16);
      const __m256i hi02 = Avx2::set32(w[0]), lo02 = Avx2::set32(w[1]);
      const __m256i hi13 = Avx2::set32(w[2]), lo13 = Avx2::set32(w[3]);
      for (int k = 0; k < 4; ++k) {
        const __m256i v = Avx2::load(in + 32 * k);
        const __m256i rows02 = _mm256_and_si256(v, even_bytes), rows13 = _mm256_srli_epi16(v, 8);
        hi[k] = Avx2::dot(Avx2::dot(hi[k], rows02, hi02), rows13, hi13);
        lo[k] = Avx2::dot(Avx2::dot(lo[k], rows02, lo02), rows13, lo13);
      }
    }
    __m256i s[4];
    for (int k = 0; k < 4; ++k) s[k] = to_samples(hi[k], lo[k]);
    Avx2::store(out + x, _mm256_permutevar8x32_epi32(to_bytes(s), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
  }
}

void interleave(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, int n, bool flip,
                std::uint8_t* out) {
  for (int x = 0; x < n; x += 16, out += 48) {
    const int from = flip ? n - 16 - x : x;
    const __m128i red = _mm_loadu_si128(reinterpret_cast<const __m128i*>(r + from));
    const __m128i green = _mm_loadu_si128(reinterpret_cast<const __m128i*>(g + from));
    const __m128i blue = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + from));
    alignas(16) std::uint8_t last[48];
    std::uint8_t* to = n - x >= 16 ? out : last;
    for (int third = 0; third < 3; ++third) {
      const auto* order = reinterpret_cast<const __m128i*>(kInterleaveOrder.from[flip][third]);
      const __m128i v = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(red, order[0]), _mm_shuffle_epi8(green, order[1])),
                                     _mm_shuffle_epi8(blue, order[2]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16 * third), v);
    }
    if (to == last) std::memcpy(out, last, static_cast<std::size_t>(n - x) * 3);
  }
}

void deinterleave(const std::uint8_t* in, int n, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b) {
  std::uint8_t* const channels[3] = {r, g, b};
  for (int x = 0; x < n; x += 16, in += 48) {
    alignas(16) std::uint8_t last[48];
    const std::uint8_t* from = in;
    if (n - x < 16) {
      std::memcpy(last, in, static_cast<std::size_t>(n - x) * 3);
      from = last;
    }
    __m128i third[3];
    for (int t = 0; t < 3; ++t) third[t] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16 * t));
    for (int c = 0; c < 3; ++c) {
      const auto* order = reinterpret_cast<const __m128i*>(kDeinterleaveOrder.from[c]);
      const __m128i v =
          _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(third[0], order[0]), _mm_shuffle_epi8(third[1], order[1])),
                       _mm_shuffle_epi8(third[2], order[2]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(channels[c] + x), v);
    }
  }
}

}  // namespace mosaic::avx2
