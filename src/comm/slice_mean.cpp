#include "comm/slice_mean.h"

#include <algorithm>
#include <bit>

namespace mosaic {
namespace {

constexpr std::size_t kChunk = 2048;  // elements: sums stay in the first-level cache

Bfloat16 rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t to_even = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<Bfloat16>(x != x ? 0x7fc0u : to_even);  // rounding could make a NaN an infinity
}

float widened(Bfloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }
float widened(float x) { return x; }
double widened(double x) { return x; }

template <class Number, class Wire>
void add(const void* slice, std::size_t at, std::size_t count, Number* sum) {
  const Wire* from = static_cast<const Wire*>(slice) + at;
  for (std::size_t i = 0; i < count; ++i) sum[i] += widened(from[i]);
}

template <class Number, class Wire>
void copy(const void* slice, std::size_t at, std::size_t count, Number* sum) {
  const Wire* from = static_cast<const Wire*>(slice) + at;
  for (std::size_t i = 0; i < count; ++i) sum[i] = widened(from[i]);
}

}  // namespace

void round_to_bfloat16(std::span<const float> from, Bfloat16* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = rounded(from[i]);
}

void widen_bfloat16(std::span<const Bfloat16> from, float* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = widened(from[i]);
}

template <class Number, class Wire>
void mean_of_slices(std::span<const void* const> slices, std::size_t own, std::size_t count, Number* to) {
  const auto divisor = static_cast<Number>(slices.size());
  Number sum[kChunk];
  for (std::size_t at = 0; at < count; at += kChunk) {
    const std::size_t n = std::min(kChunk, count - at);
    // Copied, not added to 0: -0 stays what it is.
    own == 0 ? copy<Number, Number>(slices[0], at, n, sum) : copy<Number, Wire>(slices[0], at, n, sum);
    for (std::size_t s = 1; s < slices.size(); ++s)
      own == s ? add<Number, Number>(slices[s], at, n, sum) : add<Number, Wire>(slices[s], at, n, sum);
    for (std::size_t i = 0; i < n; ++i) to[at + i] = sum[i] / divisor;
  }
}

template void mean_of_slices<float, float>(std::span<const void* const>, std::size_t, std::size_t, float*);
template void mean_of_slices<double, double>(std::span<const void* const>, std::size_t, std::size_t, double*);
template void mean_of_slices<float, Bfloat16>(std::span<const void* const>, std::size_t, std::size_t, float*);

}  // namespace mosaic
