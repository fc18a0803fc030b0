#include "packed/crop_rows.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packed/block_code.h"
#include "packed/block_order.h"

namespace mosaic {
namespace {

constexpr int kBlockSide = 8;
constexpr int kBlockWords = 64;
constexpr std::size_t kLeftMargin = 64;  // of a row of samples: the neighbour of the first one stands in it
constexpr int kUninterpolated = 2;       // so few samples of a row libjpeg repeats, instead of interpolating

const std::uint8_t* as_bytes(const std::byte* p) { return reinterpret_cast<const std::uint8_t*>(p); }

}  // namespace

void CropRows::start(const PackedRecord& record, Box box) {
  assert(box.width <= record.width() - box.left && box.height <= record.height() - box.top);
  for (int c = 0; const auto& component : record.components()) {
    Plane& p = planes_[c++];
    p.ratio_x = component.ratio_x;
    p.ratio_y = component.ratio_y;
    p.width = component.width;
    p.height = component.height;
    p.block_side = kBlockSide;
  }
  start_rows(record, box);
}

void CropRows::start_half(const PackedRecord& record, Box box) {
  assert(can_halve(record));
  for (int c = 0; const auto& component : record.components()) {
    Plane& p = planes_[c++];
    p.ratio_x = p.ratio_y = 1;
    p.width = (record.width() + 1) / 2;
    p.height = (record.height() + 1) / 2;
    p.block_side = component.ratio_x == 2 ? kBlockSide : kBlockSide / 2;
  }
  assert(box.width <= planes_[0].width - box.left && box.height <= planes_[0].height - box.top);
  start_rows(record, box);
}

bool CropRows::can_halve(const PackedRecord& record) {
  const auto components = record.components();
  return std::all_of(components.begin(), components.end(), [](const auto& c) { return c.ratio_x == c.ratio_y; });
}

void CropRows::start_rows(const PackedRecord& record, Box box) {
  assert(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0);
  record_ = &record;
  box_ = box;
  y_ = box.top;
  band_rows_ = 0;
  for (int c = 0; c < channels(); ++c) band_rows_ = std::max(band_rows_, planes_[c].block_side * planes_[c].ratio_y);
  band_ = box.top / band_rows_;
  for (int c = 0; c < channels(); ++c) {
    start_plane(planes_[c]);
    const auto& quant = record.components()[c].quant;
    for (int i = 0; i < kBlockWords; ++i) planes_[c].quant[kBlockOrder.of_natural[i]] = quant[i];
  }
}

void CropRows::start_plane(Plane& p) {
  // Interpolation needs one sample more on each side.
  const int around_x = p.ratio_x - 1, around_y = p.ratio_y - 1;
  p.first = box_.left / p.ratio_x;
  p.last = (box_.left + box_.width - 1) / p.ratio_x;
  p.first_block = std::max(0, p.first - around_x) / p.block_side;
  p.end_block = std::min(p.width - 1, p.last + around_x) / p.block_side + 1;
  const int top = std::max(0, box_.top / p.ratio_y - around_y);
  const int bottom = std::min(p.height - 1, (box_.top + box_.height - 1) / p.ratio_y + around_y);
  p.next_block_row = top / p.block_side;
  p.end_block_row = bottom / p.block_side + 1;
  // While a band is decoded, rows of the one before it wait for their neighbours below, if any plane is interpolated downwards.
  const bool waits =
      std::any_of(planes_.begin(), planes_.begin() + channels(), [](const Plane& q) { return q.ratio_y > 1; });
  const int ring = band_rows_ * (waits ? 2 : 1) / p.ratio_y;
  p.ring_mask = ring - 1;
  p.stride = aligned(static_cast<std::size_t>(p.end_block - p.first_block) * p.block_side + kLeftMargin + kRowSlack);
  p.base = p.memory.get(p.stride * ring + kLeftMargin + kRowSlack) + kLeftMargin;
}

void CropRows::next(std::uint8_t* r, std::uint8_t* g, std::uint8_t* b) {
  assert(y_ < box_.top + box_.height);
  while (!ready(y_)) decode_band();
  const std::uint8_t* first = samples(0, y_);
  if (channels() == 1) {
    std::memcpy(r, first, static_cast<std::size_t>(box_.width));
  } else {
    kernels_.to_rgb(first, samples(1, y_), samples(2, y_), box_.width, r, g, b);
  }
  ++y_;
}

/// Whether all samples of row y, and the neighbours that they are interpolated from, are in the planes.
bool CropRows::ready(int y) const {
  for (int c = 0; c < channels(); ++c) {
    const Plane& p = planes_[c];
    const int needed = std::min(p.height - 1, y / p.ratio_y + (y % p.ratio_y));
    if (p.next_block_row * p.block_side <= needed) return false;
  }
  return true;
}

/// Every row of blocks up to the end of the band.
void CropRows::decode_band() {
  constexpr int kMostRows = 2 * 2 * 3;  // two of each component, and the band before for those that are subsampled
  std::array<BlockRow, kMostRows> rows{};
  int count = 0;
  for (int c = 0; c < channels(); ++c) {
    Plane& p = planes_[c];
    const int end = std::min(p.end_block_row, (band_ + 1) * band_rows_ / (p.block_side * p.ratio_y));
    for (; p.next_block_row < end; ++p.next_block_row) rows[static_cast<std::size_t>(count++)] = {c, p.next_block_row};
  }
  decode_block_rows(rows.data(), count);
  ++band_;
}

/// Rows of equal shape are unpacked together.
void CropRows::decode_block_rows(const BlockRow* rows, int count) {
  for (int begin = 0; begin < count;) {
    const Plane& shape = planes_[rows[begin].component];
    const auto same_shape = [&](int i) {
      const Plane& other = planes_[rows[i].component];
      return other.first_block == shape.first_block && other.end_block == shape.end_block;
    };
    int streams = 1;
    while (streams < kMostStreams && begin + streams < count && same_shape(begin + streams)) ++streams;

    const int blocks = shape.end_block - shape.first_block;
    const int group = shape.first_block / kGroupBlocks;
    const std::size_t words = static_cast<std::size_t>(blocks + kSpareBlocks) * kBlockWords;
    auto* coefficients = reinterpret_cast<std::int16_t*>(coefficients_.get(words * streams * sizeof(std::int16_t)));
    BlockRows unpacking{.at = {},
                        .end = as_bytes(record_->end()),
                        .out = coefficients,
                        .out_stride = static_cast<std::ptrdiff_t>(words)};
    for (int s = 0; s < streams; ++s)
      unpacking.at[s] = as_bytes(record_->group(rows[begin + s].component, rows[begin + s].y, group));
    if (!kernels_.unpack(unpacking, streams, shape.first_block - group * kGroupBlocks, blocks))
      throw_damaged_row(rows[begin].component, rows[begin].y);
    for (int s = 0; s < streams; ++s) {
      const BlockRow row = rows[begin + s];
      // Where the blocks end is known twice: from themselves and from the index.
      const int blocks_x = record_->components()[row.component].blocks_x;
      const std::byte* end = shape.end_block == blocks_x ? record_->row_end(row.component, row.y)
                             : shape.end_block % kGroupBlocks == 0
                                 ? record_->group(row.component, row.y, shape.end_block / kGroupBlocks)
                                 : nullptr;
      if (end && unpacking.at[s] != as_bytes(end)) throw_damaged_row(row.component, row.y);
      reconstruct(row, coefficients + words * s);
    }
    begin += streams;
  }
}

void CropRows::reconstruct(BlockRow row, const std::int16_t* coefficients) {
  Plane& p = planes_[row.component];
  std::uint8_t* out = p.row(row.y * p.block_side);
  const auto inverse_dct = p.block_side == kBlockSide ? kernels_.inverse_dct : kernels_.inverse_dct_half;
  inverse_dct(coefficients, p.end_block - p.first_block, p.quant.data(), out, static_cast<std::ptrdiff_t>(p.stride));
  if (p.ratio_x == 1) return;
  // At the image's sides the neighbour is the sample itself.
  const int right = p.width - p.first_block * p.block_side;
  for (int y = 0; y < p.block_side; ++y, out += p.stride) {
    if (p.first == 0) out[-1] = out[0];
    if (p.last == p.width - 1) out[right] = out[right - 1];
  }
}

/// Row y of the image, of component c, from the crop's left side on.
const std::uint8_t* CropRows::samples(int c, int y) {
  const Plane& p = planes_[c];
  const int offset = p.first - p.first_block * p.block_side;
  const int own = y / p.ratio_y;
  const std::uint8_t* near = p.row(own) + offset;
  if (p.ratio_x == 1 && p.ratio_y == 1) return near;

  const bool lower = y % 2 != 0;  // of the two rows that one of samples becomes
  const std::uint8_t* far = p.row(std::clamp(lower ? own + 1 : own - 1, 0, p.height - 1)) + offset;
  const int n = p.last - p.first + 1;
  std::uint8_t* out = upsampled_[c].get(2 * static_cast<std::size_t>(n) + 2 * kRowSlack);
  if (p.ratio_x == 1) {
    kernels_.upsample_down(near, far, lower ? 2 : 1, n, out);
    return out;
  }
  if (p.width <= kUninterpolated) {
    for (int i = 0; i < n; ++i) out[2 * i] = out[2 * i + 1] = near[i];
  } else if (p.ratio_y == 2) {
    kernels_.upsample_both(near, far, n, out);
  } else {
    kernels_.upsample_across(near, n, out);
  }
  return out + box_.left % 2;
}

}  // namespace mosaic
