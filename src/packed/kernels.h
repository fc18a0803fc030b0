#pragma once

#include <cstddef>
#include <cstdint>

namespace mosaic {

// The inner loops of decoding, as tables of plain functions: one that defines the results and runs everywhere, one for each
// instruction set that we have vectors for. All give the same bytes for all inputs.
//
// This header is included by files that are compiled for one instruction set. It holds types only: an inline function here
// would be compiled into such a file too, and the linker might keep that copy for the whole program.

/// Readable bytes that every row of samples must have after its last one, and writable ones if it is written: vectors run
/// over the end.
inline constexpr int kRowSlack = 256;

/// Blocks that `inverse_dct` and `inverse_dct_half` may read and write beyond those asked for.
inline constexpr int kSpareBlocks = 3;

/// Up to so many rows of blocks are unpacked at once: one block's place is known only when the one before has been read, and
/// three such chains hide each other's waiting.
inline constexpr int kMostStreams = 3;

/// Rows of blocks, or parts of them, being unpacked.
struct BlockRows {
  const std::uint8_t* at[kMostStreams];  // of each: start of a group; moved to the byte after the last block
  const std::uint8_t* end;               // of the record: nothing is read from here on
  std::int16_t* out;                     // 64 for each block in the order of block_order.h; aligned to 64 bytes
  std::ptrdiff_t out_stride;             // from row to row in `out`; a multiple of 64
};

/// One direction of a resize, for `across`: outputs in runs of 16, taps in groups of 4. See resize_plan.h.
struct AcrossPlan {
  int outputs, runs, tap_groups;
  int reach;                         // bytes from a row's first sample that may be read
  const std::int32_t* first;         // [runs * 16]: first sample of each output
  const std::int32_t* weights;       // [runs * 16][tap_groups * 4]: portable
  const std::uint8_t* window;        // [runs][64]: byte of each output's first four taps after its run's first; AVX-512
  int window_vectors;                // of 64 bytes that a run's window spans: 1, 2, or 0 where it is wider; AVX-512
  const std::int8_t* digits;         // [runs][tap_groups][3][64]: weights in base 256, lowest first; AVX-512
  const std::int16_t* words;         // [runs][tap_groups][hi01 lo01 hi23 lo23][32]: in base 2^15; AVX2
  const std::uint8_t* quad_shuffle;  // [runs][4][2][16]: taps 0 1, then 2 3, of four outputs; AVX2
  const std::int32_t* quad_first;    // [runs][4]: AVX2
  bool quads_fit;                    // four outputs and four taps lie within 16 bytes everywhere; AVX2
};

/// The other direction, for `down`: taps in groups of four source rows, the groups counted from the first row.
struct DownPlan {
  int outputs, most_groups;
  const std::int32_t* first_group;  // [outputs]
  const std::int32_t* groups;       // [outputs]
  const std::int32_t* rows_needed;  // [outputs]: source rows up to the last one that it uses
  const std::int32_t* begin;        // [outputs]: its place in the tables below, in groups
  const std::int32_t* weights;      // [groups][4]: portable
  const std::int8_t* digits;        // [groups][3][4]: AVX-512
  const std::int16_t* words;        // [groups][hi02 lo02 hi13 lo13][2]: AVX2
};

/// Source rows that have been scaled across, four to a group: in a group, byte 4 x + k is column x of row k. A ring of
/// groups; rows beyond the last one hold anything.
struct RowGroups {
  const std::uint8_t* base;  // aligned to 64 bytes
  std::size_t stride;        // bytes from group to group, a multiple of 64
  int mask;                  // groups in the ring - 1; a power of two less one
};

/// Which tables of weights `across` and `down` read; the others are not made.
enum class PlanTables { kWeights, kWords, kDigits };

struct Kernels {
  const char* name;
  PlanTables plan_tables;

  /// Skip `skip` blocks in each of `streams` rows (1 to kMostStreams), then unpack `count` of them.
  /// @return whether they were blocks as we write them; if not, `out` holds anything
  bool (*unpack)(BlockRows& rows, int streams, int skip, int count);

  /// libjpeg's integer slow inverse DCT ("islow") of a row of blocks, to 8 rows of samples.
  /// @param quant  in the order of block_order.h
  /// @param out    rows `stride` bytes apart
  void (*inverse_dct)(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                      std::ptrdiff_t stride);

  /// The same at half the size, approximately: four samples a block and row, each what the mean of 2 x 2 of `inverse_dct`'s would be
  /// without rounding and clipping. Coefficients 4 of each direction cancel.
  /// @param out  four rows
  void (*inverse_dct_half)(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                           std::ptrdiff_t stride);

  /// libjpeg's "fancy" upsampling of n samples: 2 n across from one row; the same from two; n from two. in[-1] and in[n] are
  /// read by the first two. `bias` is 1 for the upper of two rows, 2 for the lower.
  void (*upsample_across)(const std::uint8_t* in, int n, std::uint8_t* out);
  void (*upsample_both)(const std::uint8_t* near, const std::uint8_t* far, int n, std::uint8_t* out);
  void (*upsample_down)(const std::uint8_t* near, const std::uint8_t* far, int bias, int n, std::uint8_t* out);

  void (*to_rgb)(const std::uint8_t* y, const std::uint8_t* cb, const std::uint8_t* cr, int n, std::uint8_t* r,
                 std::uint8_t* g, std::uint8_t* b);

  /// Scale four rows of one channel.
  /// @param out  a row group: 64 bytes for each run
  void (*across)(const std::uint8_t* const rows[4], const AcrossPlan& plan, std::uint8_t* out);

  /// Output row `y` of one channel from row groups: `width` bytes, and up to 63 more.
  void (*down)(const RowGroups& rows, const DownPlan& plan, int y, int width, std::uint8_t* out);

  /// Three channels to n pixels, mirrored if `flip`. 64 bytes before and after each channel may be read; nothing is written
  /// but the pixels.
  void (*interleave)(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, int n, bool flip,
                     std::uint8_t* out);

  /// The other way: n pixels to three channels, and up to 63 bytes more in each. Nothing is read but the pixels.
  void (*deinterleave)(const std::uint8_t* in, int n, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b);
};

}  // namespace mosaic
