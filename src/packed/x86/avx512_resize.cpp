#include "packed/x86/avx512_kernels.h"
#include "packed/x86/avx512_vectors.h"

namespace mosaic::avx512 {
namespace {

// A weight is (d2 * 256 + d1) * 256 + d0, signed bytes all, so that a sum of products of bytes takes one instruction for four
// taps and a digit.

constexpr int kFractionBits = 22;
constexpr int kDigits = 3;
constexpr int kVectorBytes = 64;

/// Samples of a few groups of taps, digit by digit, so that the shifts are between the additions.
/// @param weights  weights(digit, group): 64 signed bytes
template <int kGroups, class Weights>
[[gnu::always_inline]] inline __m512i weigh(const __m512i taps[kGroups], Weights weights) {
  __m512i sum = _mm512_set1_epi32(1 << (kFractionBits - 1 - 16));  // half, before two shifts by 8
  for (int digit = kDigits - 1; digit >= 0; --digit) {
    for (int g = 0; g < kGroups; ++g) sum = _mm512_dpbusd_epi32(sum, taps[g], weights(digit, g));
    if (digit > 0) sum = _mm512_slli_epi32(sum, 8);
  }
  return _mm512_srai_epi32(sum, kFractionBits);
}

/// The same, of any number of groups: one sum for each digit.
struct DigitSums {
  __m512i digit[kDigits];
  [[gnu::always_inline]] void clear() {
    digit[0] = _mm512_set1_epi32(1 << (kFractionBits - 1));
    digit[1] = digit[2] = _mm512_setzero_si512();
  }
  [[gnu::always_inline]] __m512i samples() const {
    const __m512i high = _mm512_add_epi32(_mm512_slli_epi32(digit[2], 8), digit[1]);
    return _mm512_srai_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, 8), digit[0]), kFractionBits);
  }
};

/// 64 samples from four vectors of double words, lane by lane.
[[gnu::always_inline]] inline __m512i to_bytes(const __m512i s[4]) {
  return _mm512_packus_epi16(_mm512_packs_epi32(s[0], s[1]), _mm512_packs_epi32(s[2], s[3]));
}

/// Four rows of 16 outputs, to 16 outputs of four rows.
[[gnu::always_inline]] inline void store_group(const __m512i s[4], std::uint8_t* out) {
  const __m512i transpose = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  _mm512_store_si512(out, _mm512_shuffle_epi8(to_bytes(s), transpose));
}

/// Four taps of each of 16 outputs, whose first ones lie within 1 or 2 vectors; 0: anywhere.
template <int kWindow>
[[gnu::always_inline]] inline __m512i load_taps(const std::uint8_t* from, __m512i window, const std::int32_t* first) {
  if constexpr (kWindow == 1) return _mm512_permutexvar_epi8(window, _mm512_loadu_si512(from));
  if constexpr (kWindow == 2)
    return _mm512_permutex2var_epi8(_mm512_loadu_si512(from), window, _mm512_loadu_si512(from + kVectorBytes));
  return _mm512_i32gather_epi32(_mm512_loadu_si512(first), from, 1);
}

/// Few groups of taps: all of them in registers.
template <int kGroups>
void across_few(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  const std::int8_t* digits = plan.digits;
  for (int run = 0; run < plan.runs; ++run, out += kVectorBytes, digits += kDigits * kVectorBytes * kGroups) {
    const __m512i window = _mm512_loadu_si512(plan.window + kVectorBytes * run);
    const std::ptrdiff_t base = plan.first[16 * run];
    __m512i s[4];
    for (int r = 0; r < 4; ++r) {
      __m512i taps[kGroups];
      for (int g = 0; g < kGroups; ++g) taps[g] = load_taps<1>(rows[r] + base + 4 * g, window, nullptr);
      s[r] = weigh<kGroups>(taps, [digits](int digit, int g) {
        return _mm512_loadu_si512(digits + kVectorBytes * (kDigits * g + digit));
      });
    }
    store_group(s, out);
  }
}

template <int kWindow>
void across_many(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  const std::int8_t* digits = plan.digits;
  for (int run = 0; run < plan.runs; ++run, out += kVectorBytes) {
    const __m512i window = _mm512_loadu_si512(plan.window + kVectorBytes * run);
    const std::int32_t* first = plan.first + 16 * run;
    const std::ptrdiff_t base = kWindow == 0 ? 0 : first[0];
    DigitSums sums[4];
    for (int r = 0; r < 4; ++r) sums[r].clear();
    for (int g = 0; g < plan.tap_groups; ++g, digits += kDigits * kVectorBytes)
      for (int r = 0; r < 4; ++r) {
        const __m512i taps = load_taps<kWindow>(rows[r] + base + 4 * g, window, first);
        for (int d = 0; d < kDigits; ++d)
          sums[r].digit[d] = _mm512_dpbusd_epi32(sums[r].digit[d], taps, _mm512_loadu_si512(digits + kVectorBytes * d));
      }
    const __m512i s[4] = {sums[0].samples(), sums[1].samples(), sums[2].samples(), sums[3].samples()};
    store_group(s, out);
  }
}

/// Four weights, a digit of each, for all outputs.
[[gnu::always_inline]] inline __m512i repeat_weights(const std::int8_t* digits) {
  std::int32_t four;
  std::memcpy(&four, digits, 4);
  return _mm512_set1_epi32(four);
}

[[gnu::always_inline]] inline void store_columns(const __m512i s[4], std::uint8_t* out) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(out, _mm512_permutexvar_epi32(order, to_bytes(s)));
}

/// kVectors * 16 columns.
template <int kVectors, int kGroups>
[[gnu::always_inline]] inline void down_columns(const std::uint8_t* const in[kGroups], const std::int8_t* digits,
                                                std::ptrdiff_t x, std::uint8_t* out) {
  __m512i s[4];
  for (int k = 0; k < kVectors; ++k) {
    __m512i taps[kGroups];
    for (int g = 0; g < kGroups; ++g) taps[g] = _mm512_load_si512(in[g] + 4 * x + kVectorBytes * k);
    s[k] = weigh<kGroups>(taps, [digits](int digit, int g) { return repeat_weights(digits + 12 * g + 4 * digit); });
  }
  for (int k = kVectors; k < 4; ++k) s[k] = s[0];
  store_columns(s, out + x);
}

template <int kGroups>
void down_few(const RowGroups& rows, int first, const std::int8_t* digits, int width, std::uint8_t* out) {
  const std::uint8_t* in[kGroups];
  for (int g = 0; g < kGroups; ++g) in[g] = rows.base + rows.stride * ((first + g) & rows.mask);
  int x = 0;
  for (; x + 48 < width; x += 64) down_columns<4, kGroups>(in, digits, x, out);
  if (x + 32 < width) {
    down_columns<3, kGroups>(in, digits, x, out);
  } else if (x + 16 < width) {
    down_columns<2, kGroups>(in, digits, x, out);
  } else if (x < width) {
    down_columns<1, kGroups>(in, digits, x, out);
  }
}

void down_many(const RowGroups& rows, int first, int groups, const std::int8_t* digits, int width, std::uint8_t* out) {
  for (int x = 0; x < width; x += 64) {
    DigitSums sums[4];
    for (int k = 0; k < 4; ++k) sums[k].clear();
    for (int g = 0; g < groups; ++g) {
      const std::uint8_t* in = rows.base + rows.stride * ((first + g) & rows.mask) + std::ptrdiff_t{4} * x;
      for (int k = 0; k < 4; ++k) {
        const __m512i taps = _mm512_load_si512(in + kVectorBytes * k);
        for (int d = 0; d < kDigits; ++d)
          sums[k].digit[d] = _mm512_dpbusd_epi32(sums[k].digit[d], taps, repeat_weights(digits + 12 * g + 4 * d));
      }
    }
    const __m512i s[4] = {sums[0].samples(), sums[1].samples(), sums[2].samples(), sums[3].samples()};
    store_columns(s, out + x);
  }
}

struct alignas(64) InterleaveOrder {
  std::uint8_t from[2][3][64];  // [flip][third of 192 bytes]: pixel
  std::uint64_t green[3], blue[3];
};
consteval InterleaveOrder make_interleave_order() {
  InterleaveOrder order{};
  for (int third = 0; third < 3; ++third)
    for (int i = 0; i < 64; ++i) {
      const int byte = 64 * third + i;
      order.from[0][third][i] = static_cast<std::uint8_t>(byte / 3);
      order.from[1][third][i] = static_cast<std::uint8_t>(63 - byte / 3);
      if (byte % 3 == 1) order.green[third] |= std::uint64_t{1} << i;
      if (byte % 3 == 2) order.blue[third] |= std::uint64_t{1} << i;
    }
  return order;
}
constexpr InterleaveOrder kInterleaveOrder = make_interleave_order();

/// Which of the 192 bytes of 64 pixels goes to place i of a channel, and which of those are among the last 64.
struct DeinterleaveOrder {
  alignas(64) std::uint8_t from[3][64];
  std::uint64_t in_last[3];
};

consteval DeinterleaveOrder make_deinterleave_order() {
  DeinterleaveOrder order{};
  for (int channel = 0; channel < 3; ++channel)
    for (int i = 0; i < 64; ++i) {
      const int byte = 3 * i + channel;
      order.from[channel][i] = static_cast<std::uint8_t>(byte);
      if (byte >= 128) order.in_last[channel] |= std::uint64_t{1} << i;
    }
  return order;
}
constexpr DeinterleaveOrder kDeinterleaveOrder = make_deinterleave_order();

}  // namespace

void across(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out) {
  if (plan.window_vectors == 0) return across_many<0>(rows, plan, out);
  if (plan.window_vectors == 2) return across_many<2>(rows, plan, out);
  if (plan.tap_groups == 1) return across_few<1>(rows, plan, out);
  if (plan.tap_groups == 2) return across_few<2>(rows, plan, out);
  across_many<1>(rows, plan, out);
}

void down(const RowGroups& rows, const DownPlan& plan, int y, int width, std::uint8_t* out) {
  const int first = plan.first_group[y], groups = plan.groups[y];
  const std::int8_t* digits = plan.digits + std::ptrdiff_t{12} * plan.begin[y];
  if (groups == 1) return down_few<1>(rows, first, digits, width, out);
  if (groups == 2) return down_few<2>(rows, first, digits, width, out);
  if (groups == 3) return down_few<3>(rows, first, digits, width, out);
  down_many(rows, first, groups, digits, width, out);
}

void interleave(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, int n, bool flip,
                std::uint8_t* out) {
  for (int x = 0; x < n; x += 64, out += 192) {
    const int from = flip ? n - 64 - x : x;
    const __m512i red = _mm512_loadu_si512(r + from), green = _mm512_loadu_si512(g + from);
    const __m512i blue = _mm512_loadu_si512(b + from);
    for (int third = 0; third < 3; ++third) {
      const int left = 3 * (n - x) - kVectorBytes * third;
      if (left <= 0) break;
      const __m512i order = _mm512_load_si512(kInterleaveOrder.from[flip][third]);
      __m512i v = _mm512_permutexvar_epi8(order, red);
      v = _mm512_mask_permutexvar_epi8(v, kInterleaveOrder.green[third], order, green);
      v = _mm512_mask_permutexvar_epi8(v, kInterleaveOrder.blue[third], order, blue);
      _mm512_mask_storeu_epi8(out + kVectorBytes * third, left >= 64 ? ~0ull : (1ull << left) - 1, v);
    }
  }
}

void deinterleave(const std::uint8_t* in, int n, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b) {
  std::uint8_t* const channels[3] = {r, g, b};
  for (int x = 0; x < n; x += 64, in += 192) {
    __m512i third[3];
    for (int t = 0; t < 3; ++t) {
      const int left = 3 * (n - x) - kVectorBytes * t;
      const __mmask64 mask = left >= 64 ? ~0ull : left > 0 ? (1ull << left) - 1 : 0;
      third[t] = _mm512_maskz_loadu_epi8(mask, in + kVectorBytes * t);
    }
    for (int c = 0; c < 3; ++c) {
      const __m512i order = _mm512_load_si512(kDeinterleaveOrder.from[c]);
      const __m512i v = _mm512_permutex2var_epi8(third[0], order, third[1]);
      _mm512_storeu_si512(channels[c] + x,
                          _mm512_mask_permutexvar_epi8(v, kDeinterleaveOrder.in_last[c], order, third[2]));
    }
  }
}

}  // namespace mosaic::avx512
