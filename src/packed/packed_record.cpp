#include "packed/packed_record.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "packed/block_code.h"
#include "packed/little_endian.h"

namespace mosaic {
namespace {

int divide_up(int a, int b) { return (a + b - 1) / b; }

PackedRecord::Component geometry(const RecordHeader& header, int c) {
  PackedRecord::Component to{};
  to.h = header.h[c];
  to.v = header.v[c];
  // A file of one component has no use for its factors: libjpeg decodes it as 1 x 1.
  to.ratio_x = header.components == 1 ? 1 : header.h[0] / to.h;
  to.ratio_y = header.components == 1 ? 1 : header.v[0] / to.v;
  to.width = divide_up(header.width, to.ratio_x);
  to.height = divide_up(header.height, to.ratio_y);
  to.blocks_x = divide_up(to.width, 8);
  to.blocks_y = divide_up(to.height, 8);
  to.groups = divide_up(to.blocks_x, kGroupBlocks);
  return to;
}

std::size_t row_table_bytes(const PackedRecord::Component& c) { return std::size_t{4} * c.blocks_y; }

/// Up to a multiple of 4.
std::size_t start_table_bytes(const PackedRecord::Component& c) {
  return (std::size_t{2} * c.blocks_y * c.groups + 3) / 4 * 4;
}

constexpr std::size_t kQuantBytes = 128;

RecordHeader read_header(std::span<const std::byte> record) {
  if (record.size() < RecordHeader::kBytes)
    throw Error(str("packed record: ", record.size(), " bytes, expected a header of ", RecordHeader::kBytes));
  const std::byte* at = record.data();
  RecordHeader header;
  header.magic = load_u32(at);
  header.width = load_u16(at + 4);
  header.height = load_u16(at + 6);
  header.components = std::to_integer<std::uint8_t>(at[8]);
  for (int c = 0; c < 3; ++c) {
    header.h[c] = std::to_integer<std::uint8_t>(at[9 + c]);
    header.v[c] = std::to_integer<std::uint8_t>(at[12 + c]);
  }
  header.data_offset = load_u32(at + 16);
  header.data_size = load_u32(at + 20);
  return header;
}

void check_header(const RecordHeader& header) {
  if (header.magic != RecordHeader::kMagic) throw Error("packed record: it does not begin with PKC2");
  if (header.width == 0 || header.height == 0 || (header.components != 1 && header.components != 3))
    throw Error(str("packed record: ", header.width, " x ", header.height, " pixels of ", int{header.components},
                    " components, expected at least 1 x 1 of 1 or 3"));
  const std::size_t n = header.components;
  if (!factors_are_supported(std::span(header.h).first(n), std::span(header.v).first(n)))
    throw Error("packed record: sampling factors that no record has");
  if (header.data_offset != head_bytes(header))
    throw Error(str("packed record: blocks from byte ", header.data_offset, " on, expected ", head_bytes(header)));
}

}  // namespace

bool factors_are_supported(std::span<const std::uint8_t> h, std::span<const std::uint8_t> v) {
  constexpr int kMostBlocks = 10;  // of all components together, in one MCU of a sequential JPEG
  int blocks = 0;
  for (std::size_t c = 0; c < h.size(); ++c) {
    if (h[c] < 1 || h[c] > 4 || v[c] < 1 || v[c] > 4) return false;
    if (h[c] != h[0] && 2 * h[c] != h[0]) return false;
    if (v[c] != v[0] && 2 * v[c] != v[0]) return false;
    blocks += h[c] * v[c];
  }
  return h.size() == 1 || blocks <= kMostBlocks;
}

std::size_t head_bytes(const RecordHeader& header) {
  std::size_t bytes = RecordHeader::kBytes;
  for (int c = 0; c < header.components; ++c) {
    const PackedRecord::Component component = geometry(header, c);
    bytes += kQuantBytes + row_table_bytes(component) + start_table_bytes(component);
  }
  return bytes;
}

std::size_t PackedRecord::head_size(std::span<const std::byte> beginning) {
  const RecordHeader header = read_header(beginning);
  check_header(header);
  return header.data_offset;
}

PackedRecord::PackedRecord(std::span<const std::byte> record) {
  const RecordHeader header = read_header(record);
  check_header(header);
  const std::size_t size = std::size_t{header.data_offset} + header.data_size;
  if (record.size() != size) throw Error(str("packed record: ", record.size(), " bytes, expected ", size));
  width_ = header.width;
  height_ = header.height;
  count_ = header.components;
  head_ = header.data_offset;
  data_ = record.subspan(header.data_offset);
  const std::byte* at = record.data() + RecordHeader::kBytes;
  for (int c = 0; c < count_; ++c) {
    Component& component = components_[c];
    component = geometry(header, c);
    for (std::uint16_t& q : component.quant) {
      q = load_u16(at);
      at += 2;
    }
  }
  for (int c = 0; c < count_; ++c) {
    Component& component = components_[c];
    component.rows = at;
    at += row_table_bytes(component);
    component.starts = at;
    at += start_table_bytes(component);
  }
}

std::size_t PackedRecord::row_offset(int component, int row) const {
  const std::size_t offset = load_u32(components_[component].rows + std::size_t{4} * row);
  if (offset > data_.size()) throw_damaged_row(component, row);
  return offset;
}

const std::byte* PackedRecord::group(int component, int row, int group) const {
  const Component& c = components_[component];
  const std::size_t index = static_cast<std::size_t>(row) * c.groups + group;
  const std::size_t offset = row_offset(component, row) + load_u16(c.starts + 2 * index);
  if (offset > data_.size()) throw_damaged_row(component, row);
  return data_.data() + offset;
}

const std::byte* PackedRecord::row_end(int component, int row) const {
  // Rows stand band by band, a band being the rows of one row of MCUs: those of the first component, then the next.
  const auto rows_of_band = [&](int c) { return count_ == 1 ? 1 : components_[c].v; };
  const int band = row / rows_of_band(component);
  const int next = row + 1;
  if (next < components_[component].blocks_y && next / rows_of_band(component) == band)
    return data_.data() + row_offset(component, next);
  if (component + 1 < count_) return data_.data() + row_offset(component + 1, band * rows_of_band(component + 1));
  const int next_band = (band + 1) * rows_of_band(0);
  return next_band < components_[0].blocks_y ? data_.data() + row_offset(0, next_band) : end();
}

PackedRecord::Range PackedRecord::bytes_of_rows(int first, int last) const {
  const int rows_of_band = count_ == 1 ? 1 : components_[0].v;
  const int band_pixels = 8 * rows_of_band;
  // Chroma of half the height needs a sample above and below: at most two pixels away.
  const int first_band = std::max(0, first - 2) / band_pixels;
  const int end_band = std::min(height_ - 1, last + 2) / band_pixels + 1;
  const int end_row = end_band * rows_of_band;
  const std::size_t begin = row_offset(0, first_band * rows_of_band);
  const std::size_t end = end_row < components_[0].blocks_y ? row_offset(0, end_row) : data_.size();
  if (end < begin) throw_damaged_row(0, first_band * rows_of_band);
  return {head_ + begin, head_ + end};
}

void throw_damaged_row(int component, int row) {
  throw Error(str("packed record: damaged at block row ", row, " of component ", component));
}

}  // namespace mosaic
