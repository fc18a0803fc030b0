#pragma once

#include <cstdint>
#include <utility>

#include "model/amx_kernels.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

/// The kernels of amx_kernels.h over a unit of eight tiles, which a class `Tiles` stands for: the processor's own
/// (amx_tiles.cpp), or a test's imitation. Everything in here has internal linkage and nothing of the standard library is
/// called, as in vectors.h.

namespace mosaic {
namespace {

/// Bytes in a tile's row and in a cache line; vectors of the compiler of that size.
constexpr std::int64_t kTileRowBytes = 64;
typedef float FloatRow __attribute__((vector_size(kTileRowBytes)));
typedef std::uint32_t WordRow __attribute__((vector_size(kTileRowBytes)));
typedef std::uint16_t HalfRow __attribute__((vector_size(kTileRowBytes)));

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTileDepth = 32;                       // of bfloat16, a row's
constexpr std::int64_t kTileHalves = kTileRows * kTileDepth;  // of bfloat16 in a tile
constexpr std::int64_t kTileSums = kTileRows * kTileRows;     // of float32 in a tile
constexpr std::int64_t kBlockSums = 4 * kTileSums;

template <class Row, class T>
inline void load_row(const T* from, Row& row) {
  __builtin_memcpy(&row, from, sizeof row);
}
template <class Row, class T>
inline void store_row(const Row& row, T* to) {
  __builtin_memcpy(to, &row, sizeof row);
}

template <int... kLane>
using Lanes = std::integer_sequence<int, kLane...>;
using WordLanes = std::make_integer_sequence<int, 16>;
using HalfLanes = std::make_integer_sequence<int, 32>;  // and a block's rows

template <int... kLane>
inline void interleave(const HalfRow& a, const HalfRow& b, HalfRow& first, HalfRow& second, Lanes<kLane...>) {
  first = __builtin_shufflevector(a, b, (kLane / 2 + kLane % 2 * 32)...);
  second = __builtin_shufflevector(a, b, (16 + kLane / 2 + kLane % 2 * 32)...);
}

/// Pairs (a[c], b[c]) of 32 channels c: of the first 16, and of the others.
inline void interleave(const Bfloat16Bits* a, const Bfloat16Bits* b, HalfRow& first, HalfRow& second) {
  HalfRow x, y;
  load_row(a, x);
  load_row(b, y);
  interleave(x, y, first, second, HalfLanes{});
}

/// Words of a and b change places: those of a whose number has the bit kDistance with those of b whose has not.
template <int kDistance, int... kLane>
inline void exchange(WordRow& a, WordRow& b, Lanes<kLane...>) {
  const WordRow low = __builtin_shufflevector(a, b, (kLane & kDistance ? 16 + kLane - kDistance : kLane)...);
  const WordRow high = __builtin_shufflevector(a, b, (kLane & kDistance ? 16 + kLane : kLane + kDistance)...);
  a = low;
  b = high;
}
template <int kDistance>
inline void exchange_all(WordRow (&rows)[kTileRows]) {
  for (int i = 0; i < kTileRows; ++i)
    if ((i & kDistance) == 0) exchange<kDistance>(rows[i], rows[i + kDistance], WordLanes{});
}

/// Rows of 16 words become columns.
inline void transpose(WordRow (&rows)[kTileRows]) {
  exchange_all<1>(rows);
  exchange_all<2>(rows);
  exchange_all<4>(rows);
  exchange_all<8>(rows);
}

inline void store_tile(const WordRow (&rows)[kTileRows], Bfloat16Bits* tile) {
  for (int i = 0; i < kTileRows; ++i) store_row(rows[i], tile + i * kTileDepth);
}

/// 32 sums as bfloat16, rounded to nearest even.
/// @tparam kPastCaches  the cache line is written to memory, and not kept
template <bool kPastCaches>
inline void store_sums(const float* sums, Bfloat16Bits* to) {
#if defined(__AVX512BF16__)
  const auto both = _mm512_cvtne2ps_pbh(_mm512_load_ps(sums + 16), _mm512_load_ps(sums));
  if constexpr (kPastCaches)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(both));
  else
    __builtin_memcpy(to, &both, sizeof both);
#else
  for (int i = 0; i < kAmxBlock; ++i) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, sums + i, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, quiet = (bits >> 16) | 0x40u;
    to[i] = static_cast<Bfloat16Bits>(sums[i] == sums[i] ? rounded : quiet);
  }
#endif
}

/// A block's rows without a branch between them: they are written faster, one right after the other.
template <int... kRow>
inline void store_block_past_caches(const float* sums, Bfloat16Bits* const* y, std::int64_t column, Lanes<kRow...>) {
  (store_sums<true>(sums + kRow * kAmxBlock, y[kRow] + column), ...);
}

/// What was stored past the caches is in memory before anything that this thread stores later.
inline void finish_stores() {
#if defined(__AVX512BF16__)
  _mm_sfence();
#endif
}

/// Asks for a row of the lines of memory ahead of their use.
inline void fetch(const void* from, std::int64_t lines) {
  for (std::int64_t i = 0; i < lines; ++i) __builtin_prefetch(static_cast<const char*>(from) + i * kTileRowBytes, 0, 2);
}

/// The block of sums is tiles 0 to 3; 4 and 5 are the left factor's, 6 and 7 the right one's.
template <class Tiles>
inline void clear_block() {
  Tiles::template zero<0>();
  Tiles::template zero<1>();
  Tiles::template zero<2>();
  Tiles::template zero<3>();
}

/// Adds the product of 32 rows of a with 32 columns of b over a depth of 32.
/// @param pitch  bytes from one of a's rows to the next
template <class Tiles>
inline void add_to_block(const Bfloat16Bits* a_upper, const Bfloat16Bits* a_lower, std::int64_t pitch,
                         const Bfloat16Bits* b_left, const Bfloat16Bits* b_right) {
  Tiles::template load<4>(a_upper, pitch);
  Tiles::template load<6>(b_left, kTileRowBytes);
  Tiles::template load<7>(b_right, kTileRowBytes);
  Tiles::template load<5>(a_lower, pitch);
  Tiles::template multiply_add<0, 4, 6>();
  Tiles::template multiply_add<1, 4, 7>();
  Tiles::template multiply_add<2, 5, 6>();
  Tiles::template multiply_add<3, 5, 7>();
}

/// A packed weight is tiles in this order: 16 columns, tap, 32 of depth.
inline Bfloat16Bits* packed_tile(Bfloat16Bits* packed, std::int64_t column, std::int64_t taps, std::int64_t depth,
                                 std::int64_t tap, std::int64_t k) {
  return packed + ((column / kTileRows * taps + tap) * (depth / kTileDepth) + k / kTileDepth) * kTileHalves;
}

inline void pack_forward(const AmxWeight& w, std::int64_t first_column, Bfloat16Bits* packed) {
  for (std::int64_t column = first_column; column < first_column + kAmxBlock; column += kTileRows)
    for (std::int64_t tap = 0; tap < w.taps; ++tap)
      for (std::int64_t k = 0; k < w.in; k += kTileDepth) {
        WordRow rows[kTileRows];
        for (std::int64_t i = 0; i < kTileRows; ++i)
          load_row(w.values + ((column + i) * w.taps + tap) * w.in + k, rows[i]);
        transpose(rows);
        store_tile(rows, packed_tile(packed, column, w.taps, w.in, tap, k));
      }
}

inline void pack_backward(const AmxWeight& w, std::int64_t first_column, Bfloat16Bits* packed) {
  for (std::int64_t tap = 0; tap < w.taps; ++tap)
    for (std::int64_t k = 0; k < w.out; k += kTileDepth) {
      Bfloat16Bits* left = packed_tile(packed, first_column, w.taps, w.out, tap, k);
      Bfloat16Bits* right = packed_tile(packed, first_column + kTileRows, w.taps, w.out, tap, k);
      const Bfloat16Bits* from = w.values + (k * w.taps + w.taps - 1 - tap) * w.in + first_column;
      const std::int64_t pitch = w.taps * w.in;
      for (std::int64_t i = 0; i < kTileRows; ++i) {
        HalfRow first, second;
        interleave(from + 2 * i * pitch, from + (2 * i + 1) * pitch, first, second);
        store_row(first, left + i * kTileDepth);
        store_row(second, right + i * kTileDepth);
      }
    }
}

inline void copy_rows(const Bfloat16Bits* const* rows, std::int64_t number, std::int64_t channels, Bfloat16Bits* to) {
  for (std::int64_t i = 0; i < number; ++i, to += channels)
    for (std::int64_t c = 0; c < channels; c += kTileDepth) {
      HalfRow row;
      load_row(rows[i] + c, row);
      store_row(row, to + c);
    }
}

/// A block of y: rows from `row` on, columns from `column` on.
template <class Tiles>
inline void multiply_block(const AmxProduct& p, std::int64_t row, std::int64_t column) {
  const std::int64_t column_size = p.taps * p.depth * kTileRows;  // values of 16 packed columns
  const Bfloat16Bits* b = p.packed + column / kTileRows * column_size;
  clear_block<Tiles>();
  for (std::int64_t tap = 0; tap < p.taps; ++tap) {
    const Bfloat16Bits* a = p.a + (row + p.tap_offsets[tap]) * p.depth;
    for (std::int64_t k = 0; k < p.depth; k += kTileDepth, b += kTileHalves)
      add_to_block<Tiles>(a + k, a + kTileRows * p.depth + k, p.depth * 2, b, b + column_size);
  }
  alignas(kTileRowBytes) float sums[kBlockSums];
  constexpr std::int64_t kPitch = kAmxBlock * sizeof(float);
  Tiles::template store<0>(sums, kPitch);
  Tiles::template store<1>(sums + kTileRows, kPitch);
  Tiles::template store<2>(sums + kTileRows * kAmxBlock, kPitch);
  Tiles::template store<3>(sums + kTileRows * kAmxBlock + kTileRows, kPitch);
  if (p.past_caches) {
    store_block_past_caches(sums, p.y + row, column, HalfLanes{});
    return;
  }
  for (std::int64_t i = 0; i < kAmxBlock; ++i)
    if (Bfloat16Bits* y = p.y[row + i]) store_sums<false>(sums + i * kAmxBlock, y + column);
}

template <class Tiles>
void multiply(const AmxProduct& p) {
  Tiles::configure();
  const std::int64_t lines_of_rows = p.depth;  // 32 rows of 2-byte values have that many cache lines
  const std::int64_t lines_a_time = (lines_of_rows * kAmxBlock + p.columns - 1) / p.columns;
  for (std::int64_t row = 0; row < p.rows; row += kAmxBlock) {
    const bool more = row + 2 * kAmxBlock <= p.rows_ahead;
    const Bfloat16Bits* next = p.a + (row + kAmxBlock) * p.depth;
    std::int64_t fetched = 0;
    for (std::int64_t column = p.first_column; column < p.first_column + p.columns; column += kAmxBlock) {
      const std::int64_t lines = lines_of_rows - fetched < lines_a_time ? lines_of_rows - fetched : lines_a_time;
      if (more && lines > 0) fetch(next + fetched * kTileDepth, lines);
      fetched += lines;
      multiply_block<Tiles>(p, row, column);
    }
  }
  Tiles::release();
  if (p.past_caches) finish_stores();
}

/// Asks for 32 channels of the 32 rows from `rows` on.
inline void fetch_rows(const Bfloat16Bits* const* rows, std::int64_t c) {
  for (std::int64_t i = 0; i < kAmxBlock; ++i) __builtin_prefetch(rows[i] + c, 0, 3);
}

/// The left factor of the gradient: tiles of 16 channels (rows) by 32 rows of dy, in the order channels, rows.
inline void transpose_rows(const Bfloat16Bits* const* rows, std::int64_t number, std::int64_t channels,
                           Bfloat16Bits* to) {
  for (std::int64_t r = 0; r < number; r += kTileDepth)
    for (std::int64_t c = 0; c < channels; c += kAmxBlock) {
      if (r + kTileDepth < number) fetch_rows(rows + r + kTileDepth, c);
      WordRow left[kTileRows], right[kTileRows];
      for (std::int64_t i = 0; i < kTileRows; ++i) {
        HalfRow first, second;
        interleave(rows[r + 2 * i] + c, rows[r + 2 * i + 1] + c, first, second);
        left[i] = reinterpret_cast<WordRow>(first);
        right[i] = reinterpret_cast<WordRow>(second);
      }
      transpose(left);
      transpose(right);
      store_tile(left, to + c * number + r * kTileRows);
      store_tile(right, to + (c + kTileRows) * number + r * kTileRows);
    }
}

/// The right factor: pairs of rows, for 16 channels after the other.
/// @param pitch  pairs that there is room for
inline void pair_rows(const Bfloat16Bits* const* rows, std::int64_t pairs, std::int64_t channels, std::int64_t pitch,
                      Bfloat16Bits* to) {
  constexpr std::int64_t kAtOnce = kTileRows;
  for (std::int64_t begin = 0; begin < pairs; begin += kAtOnce) {
    const std::int64_t end = begin + kAtOnce < pairs ? begin + kAtOnce : pairs;
    for (std::int64_t c = 0; c < channels; c += kAmxBlock) {
      if (end + kAtOnce <= pairs) fetch_rows(rows + 2 * end, c);
      Bfloat16Bits *left = to + c * pitch * 2, *right = left + kTileRows * pitch * 2;
      for (std::int64_t pair = begin; pair < end; ++pair) {
        HalfRow first, second;
        interleave(rows[2 * pair] + c, rows[2 * pair + 1] + c, first, second);
        store_row(first, left + pair * kTileDepth);
        store_row(second, right + pair * kTileDepth);
      }
    }
  }
}

template <class Tiles>
void add_gradient(const AmxGradient& g) {
  const std::int64_t pairs = (g.rows + g.reach) / 2;
  Bfloat16Bits* const a = g.scratch;
  Bfloat16Bits* const even_pairs = a + g.rows * g.out;
  Bfloat16Bits* const odd_pairs = even_pairs + 2 * pairs * g.in;
  transpose_rows(g.dy, g.rows, g.out, a);
  pair_rows(g.x, pairs, g.in, pairs, even_pairs);
  if (g.reach > 0) pair_rows(g.x + 1, pairs - 1, g.in, pairs, odd_pairs);

  Tiles::configure();
  for (std::int64_t i = 0; i < g.in; i += kAmxBlock)
    for (std::int64_t tap = 0; tap < g.taps; ++tap) {
      const std::int64_t offset = g.tap_offsets[tap];
      const Bfloat16Bits* b = (offset % 2 ? odd_pairs : even_pairs) + i * pairs * 2 + offset / 2 * kTileDepth;
      const Bfloat16Bits* b_right = b + kTileRows * pairs * 2;
      for (std::int64_t o = 0; o < g.out; o += kAmxBlock) {
        const Bfloat16Bits *upper = a + o * g.rows, *lower = upper + kTileRows * g.rows;
        float* sums = g.sums + ((o / kAmxBlock * g.in_blocks + i / kAmxBlock) * g.taps + tap) * kBlockSums;
        if (g.first) {
          clear_block<Tiles>();
        } else {
          Tiles::template load<0>(sums, kTileRowBytes);
          Tiles::template load<1>(sums + kTileSums, kTileRowBytes);
          Tiles::template load<2>(sums + 2 * kTileSums, kTileRowBytes);
          Tiles::template load<3>(sums + 3 * kTileSums, kTileRowBytes);
        }
        for (std::int64_t r = 0; r < g.rows * kTileRows; r += kTileHalves)
          add_to_block<Tiles>(upper + r, lower + r, kTileRowBytes, b + r, b_right + r);
        Tiles::template store<0>(sums, kTileRowBytes);
        Tiles::template store<1>(sums + kTileSums, kTileRowBytes);
        Tiles::template store<2>(sums + 2 * kTileSums, kTileRowBytes);
        Tiles::template store<3>(sums + 3 * kTileSums, kTileRowBytes);
      }
    }
  Tiles::release();
}

inline void sum_parts(const AmxParts& p) {
  for (std::int64_t quarter = 0; quarter < 4; ++quarter)
    for (std::int64_t row = 0; row < kTileRows; ++row) {
      const float* from = p.sums + quarter * kTileSums + row * kTileRows;
      FloatRow sum, part;
      load_row(from, sum);
      for (std::int64_t i = 1; i < p.parts; ++i) {
        load_row(from + i * p.part_size, part);
        sum += part;
      }
      store_row(sum, p.gradient + (quarter / 2 * kTileRows + row) * p.pitch + quarter % 2 * kTileRows);
    }
}

template <class Tiles>
constexpr AmxKernels kAmxKernels = {
    .pack_forward = pack_forward,
    .pack_backward = pack_backward,
    .copy_rows = copy_rows,
    .multiply = multiply<Tiles>,
    .add_gradient = add_gradient<Tiles>,
    .sum_parts = sum_parts,
};

}  // namespace
}  // namespace mosaic
