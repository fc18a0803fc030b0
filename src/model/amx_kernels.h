#pragma once

#include <cstdint>

#include "model/instruction_set.h"

namespace mosaic {

/// Products of bfloat16 matrices by AMX, the matrix unit of Intel's processors from Sapphire Rapids on: what a convolution
/// and its gradients are made of (amx_convolution.h). Over plain memory: an image is rows (pixels) of channels. Sums are
/// float32, in the order of what is summed over.
///
/// AMX computes with tiles of 16 rows of 64 bytes: one instruction adds the product of 16 x 32 with 32 x 16 values to
/// 16 x 16 sums. Its right factor holds pairs of rows, value by value. Intel 64 and IA-32 Architectures Software
/// Developer's Manual, volume 1, chapter 18. Four tiles make a block of results, 32 x 32: numbers of channels are
/// multiples of that, and rows come in multiples of it.
constexpr std::int64_t kAmxBlock = 32;

/// Of a convolution's weight: (out, taps, in), in last. A tap is a place in the filter: 1, or 3 x 3 row by row.
struct AmxWeight {
  const Bfloat16Bits* values = nullptr;
  std::int64_t out = 0, taps = 0, in = 0;
};

/// y[i][c] = sum over taps t and channels k of a[i + tap_offsets[t]][k] * w[t][k][c], for a range of c.
struct AmxProduct {
  const Bfloat16Bits* a = nullptr;  // rows of `depth`; beside those that the taps ask for, up to a multiple of 32
  std::int64_t depth = 0;           // channels of a
  std::int64_t rows = 0;            // multiple of 32
  const std::int64_t* tap_offsets = nullptr;  // (taps), in rows
  std::int64_t taps = 0;
  const Bfloat16Bits* packed = nullptr;  // by pack_forward or pack_backward: the whole weight
  std::int64_t first_column = 0;         // multiples of 32
  std::int64_t columns = 0;
  Bfloat16Bits* const* y = nullptr;  // (rows): where each row's column 0 goes; null: nowhere
  std::int64_t rows_ahead = 0;  // so many rows from a on are read soon, from memory that no cache holds; 0: not known
  bool past_caches =
      false;  // y is too large for the caches: written past them. Then all its rows are wanted, and 64-byte aligned
};

/// sums[o][t][i] (+)= sum over rows r of dy[r][o] * x[r + tap_offsets[t]][i].
struct AmxGradient {
  const Bfloat16Bits* const* dy = nullptr;  // (rows), each of `out` values
  const Bfloat16Bits* const* x = nullptr;   // (rows + reach), each of `in` values
  std::int64_t rows = 0;                    // multiple of 32
  std::int64_t reach = 0;                   // the largest offset; even
  std::int64_t out = 0, in = 0;
  const std::int64_t* tap_offsets = nullptr;  // (taps), at least 0
  std::int64_t taps = 0;
  Bfloat16Bits* scratch = nullptr;  // amx_gradient_scratch values
  float* sums = nullptr;            // in blocks: see AmxParts
  std::int64_t in_blocks = 0;       // that `sums` has in a line: in / 32 or, where this is a part of them, more
  bool first = false;               // the sums are overwritten, not added to
};

/// How many values of scratch memory it needs.
constexpr std::int64_t amx_gradient_scratch(const AmxGradient& g) {
  const std::int64_t copies = g.reach > 0 ? 2 : 1;  // of x: its pairs begin at even rows and at odd ones
  return g.rows * g.out + copies * (g.rows + g.reach) * g.in;
}

/// One 32 x 32 block of a weight's gradient, from sums that lie as follows: block of out, block of in, tap, quarter (upper
/// left, upper right, lower left, lower right), 16 x 16.
struct AmxParts {
  const float* sums = nullptr;  // of the block, in the first part
  std::int64_t parts = 0, part_size = 0;
  float* gradient = nullptr;  // (out, taps, in), at the block's first value
  std::int64_t pitch = 0;     // taps * in
};

struct AmxKernels {
  /// The right factor of x * weight, for 32 of its columns, which are channels of out.
  /// @param packed  out * taps * in values for all columns, 64-byte aligned
  void (*pack_forward)(const AmxWeight& weight, std::int64_t first_column, Bfloat16Bits* packed);
  /// Of dy * weight, taps from last to first; columns are channels of in.
  void (*pack_backward)(const AmxWeight& weight, std::int64_t first_column, Bfloat16Bits* packed);
  /// Rows from anywhere, one after the other.
  void (*copy_rows)(const Bfloat16Bits* const* rows, std::int64_t number, std::int64_t channels, Bfloat16Bits* to);
  void (*multiply)(const AmxProduct& product);
  void (*add_gradient)(const AmxGradient& gradient);
  /// The parts' sum, in their order.
  void (*sum_parts)(const AmxParts& parts);
};

/// By the processor's own tiles; null where `has_amx` says no, or the compiler knew none.
const AmxKernels* amx_kernels();

}  // namespace mosaic
