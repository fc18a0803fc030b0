#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "image/image.h"
#include "packed/aligned_buffer.h"
#include "packed/kernels.h"
#include "packed/resize_plan.h"

namespace mosaic {

/// Scales a picture while its rows come in, one after the other, each channel for itself: the bytes of `resize_crop`. A row of
/// the result is written as soon as the rows that it depends on are there, so that all of this stays in the cache. One per
/// thread.
class RowResizer {
 public:
  explicit RowResizer(const Kernels& kernels)
      : kernels_(kernels), across_cache_(kernels.plan_tables), down_cache_(kernels.plan_tables) {}

  /// Begin a picture.
  /// @param channels  3, or 1 for grey, which becomes three equal ones
  /// @param out       rows of 3 * (across.end - across.begin) bytes, `out_stride` bytes apart; nothing else is written
  /// @return the part of the picture whose rows are wanted, by `row` and `push`
  Box start(ResizeAxis across, ResizeAxis down, int channels, bool flip, std::uint8_t* out, std::size_t out_stride);

  /// Where the next row of a channel goes; with room for kRowSlack bytes more.
  std::uint8_t* row(int channel) { return slot(channel, rows_ % 4); }

  /// The row is there. Call once for each of the rows that `start` wanted.
  void push();

 private:
  std::uint8_t* slot(int channel, int k) {
    return rows_memory_ + static_cast<std::size_t>(4 * channel + k) * row_stride_;
  }
  void scale_across();
  void write_finished();

  const Kernels& kernels_;
  PlanCache<AcrossTables> across_cache_;
  PlanCache<DownTables> down_cache_;
  const AcrossPlan* across_ = nullptr;
  const DownPlan* down_ = nullptr;

  int channels_ = 3;
  bool flip_ = false;
  std::uint8_t* out_ = nullptr;
  std::size_t out_stride_ = 0;
  int rows_ = 0, rows_wanted_ = 0;  // that came in; that will
  int written_ = 0;                 // rows of the result

  std::uint8_t* rows_memory_ = nullptr;  // four rows of each channel
  std::size_t row_stride_ = 0;
  std::uint8_t* ring_ = nullptr;  // groups of rows that are scaled across, channel beside channel
  std::size_t channel_stride_ = 0, group_stride_ = 0;
  int ring_mask_ = 0;
  std::uint8_t* finished_ = nullptr;  // one row of the result, by channel
  std::size_t finished_stride_ = 0;
  AlignedBuffer row_buffer_, ring_buffer_, finished_buffer_;
};

}  // namespace mosaic
