#pragma once

#include <cstdint>

#include "model/instruction_set.h"

/// What the kernels for CPUs compute with. They are written once for all instruction sets: a file per set includes the
/// loops and is compiled with that set's options. Everything in here and in the loops has internal linkage and nothing
/// of the standard library is called, so that the linker cannot take a function compiled for a newer processor for code
/// that runs on all.

namespace mosaic {
namespace {

#if defined(__AVX512BW__)
constexpr std::int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr std::int64_t kLanes = 8;
#else
constexpr std::int64_t kLanes = 4;
#endif

/// Vectors of the compiler: arithmetic, comparisons and ?: work lane by lane, and alike on plain floats.
typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef std::uint32_t Words __attribute__((vector_size(kLanes * 4)));
typedef std::uint16_t Halves __attribute__((vector_size(kLanes * 2)));

/// A vector, or what is left of a row, one by one.
template <class V>
struct Bits;
template <>
struct Bits<Floats> {
  using Wide = Words;
  using Narrow = Halves;
};
template <>
struct Bits<float> {
  using Wide = std::uint32_t;
  using Narrow = std::uint16_t;
};

template <class To, class From>
inline To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

inline Words widen(Halves h) { return __builtin_convertvector(h, Words); }
inline std::uint32_t widen(std::uint16_t h) { return h; }
inline Halves narrow(Words w) { return __builtin_convertvector(w, Halves); }
inline std::uint16_t narrow(std::uint32_t w) { return static_cast<std::uint16_t>(w); }

template <class V>
inline V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class V>
inline V load(const Bfloat16Bits* p) {
  typename Bits<V>::Narrow h;
  __builtin_memcpy(&h, p, sizeof h);
  return same_bits<V>(widen(h) << 16);
}

template <class V>
inline void store(float* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class V>
inline void store(Bfloat16Bits* p, V v) {
  const auto bits = same_bits<typename Bits<V>::Wide>(v);
  const auto rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const auto quiet = (bits >> 16) | 0x40u;  // a NaN stays one: rounding could carry into its exponent
  const auto h = narrow(v == v ? rounded : quiet);
  __builtin_memcpy(p, &h, sizeof h);
}

/// What `store` leaves of `v`.
template <class T, class V>
inline V rounded(V v) {
  T memory[sizeof(V) / sizeof(float)];
  store(memory, v);
  return load<V>(memory);
}

/// Calls f.operator()<V>(c) for every vector of channels, and for each of those left over.
template <class F>
inline void for_channels(std::int64_t channels, const F& f) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) f.template operator()<Floats>(c);
  for (; c < channels; ++c) f.template operator()<float>(c);
}

}  // namespace
}  // namespace mosaic
