#include "packed/row_resizer.h"

#include <algorithm>
#include <bit>

namespace mosaic {
namespace {

constexpr int kGroupRows = 4;
constexpr std::size_t kVector = 64;

}  // namespace

Box RowResizer::start(ResizeAxis across, ResizeAxis down, int channels, bool flip, std::uint8_t* out,
                      std::size_t out_stride) {
  const AcrossTables& across_tables = across_cache_.get(across);
  const DownTables& down_tables = down_cache_.get(down);
  across_ = &across_tables.plan();
  down_ = &down_tables.plan();
  const SourceRange columns = across_tables.source(), rows = down_tables.source();
  channels_ = channels;
  flip_ = flip;
  out_ = out;
  out_stride_ = out_stride;
  rows_ = 0;
  rows_wanted_ = rows.end - rows.begin;
  written_ = 0;

  row_stride_ = aligned(static_cast<std::size_t>(std::max(columns.end - columns.begin, across_->reach)) + kRowSlack);
  rows_memory_ = row_buffer_.get(row_stride_ * kGroupRows * 3);
  // `down` reads whole vectors of 64 columns.
  channel_stride_ = aligned(static_cast<std::size_t>(across_->outputs)) * kGroupRows;
  group_stride_ = channel_stride_ * channels;
  // All groups that one output row depends on, and the one that is being filled.
  const auto groups = std::bit_ceil(static_cast<unsigned>(down_->most_groups) + 1);
  ring_mask_ = static_cast<int>(groups) - 1;
  ring_ = ring_buffer_.get(group_stride_ * groups);
  finished_stride_ = aligned(static_cast<std::size_t>(across_->outputs)) + 2 * kVector;
  finished_ = finished_buffer_.get(finished_stride_ * 3) + kVector;
  return {columns.begin, rows.begin, columns.end - columns.begin, rows.end - rows.begin};
}

void RowResizer::push() {
  ++rows_;
  if (rows_ % kGroupRows != 0 && rows_ != rows_wanted_) return;
  scale_across();
  write_finished();
}

void RowResizer::scale_across() {
  const int group = (rows_ - 1) / kGroupRows, filled = rows_ - group * kGroupRows;
  std::uint8_t* to = ring_ + group_stride_ * (group & ring_mask_);
  for (int c = 0; c < channels_; ++c) {
    const std::uint8_t* rows[kGroupRows];
    for (int k = 0; k < kGroupRows; ++k) rows[k] = slot(c, std::min(k, filled - 1));  // those beyond have no weight
    kernels_.across(rows, *across_, to + c * channel_stride_);
  }
}

void RowResizer::write_finished() {
  std::uint8_t* channel[3];
  for (int c = 0; c < 3; ++c) channel[c] = finished_ + (c < channels_ ? c : 0) * finished_stride_;
  for (; written_ < down_->outputs && down_->rows_needed[written_] <= rows_; ++written_) {
    for (int c = 0; c < channels_; ++c)
      kernels_.down({ring_ + c * channel_stride_, group_stride_, ring_mask_}, *down_, written_, across_->outputs,
                    channel[c]);
    kernels_.interleave(channel[0], channel[1], channel[2], across_->outputs, flip_, out_ + written_ * out_stride_);
  }
}

}  // namespace mosaic
