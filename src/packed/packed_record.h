#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mosaic {

/// The header of a record of packed coefficients; README.md of shards/ documents the record byte by byte.
struct RecordHeader {
  std::uint32_t magic = kMagic;
  std::uint16_t width = 0, height = 0;   // pixels
  std::uint8_t components = 0;           // 1: grey; 3: Y, Cb, Cr
  std::array<std::uint8_t, 3> h{}, v{};  // sampling factors of each
  std::uint32_t data_offset = 0;         // bytes before the blocks
  std::uint32_t data_size = 0;           // bytes of the blocks

  static constexpr std::uint32_t kMagic = 0x32434b50;  // "PKC2"
  static constexpr std::size_t kBytes = 24;
};

/// Whether we can pack, and decode, these sampling factors: the first component has full size, the others full or half in
/// each direction, and a JPEG file can hold them in one scan.
bool factors_are_supported(std::span<const std::uint8_t> h, std::span<const std::uint8_t> v);

/// A record of packed coefficients, opened: where what is. The bytes belong to somebody else. Every offset is checked where it
/// is used, so that no record, however damaged, leads out of its bytes.
class PackedRecord {
 public:
  struct Component {
    int h, v;                             // sampling factors
    int ratio_x, ratio_y;                 // 1, or 2 where it has half the image's size
    int width, height;                    // in samples
    int blocks_x, blocks_y, groups;       // groups of kGroupBlocks blocks in a row
    std::array<std::uint16_t, 64> quant;  // row by row
    const std::byte* rows;                // u32 for each row of blocks: where it begins in the data
    const std::byte* starts;              // u16 for each row and group: where that begins in its row
  };

  /// Bytes before the blocks, by a record's first RecordHeader::kBytes.
  /// @throws Error if they are not a record's
  static std::size_t head_size(std::span<const std::byte> beginning);

  /// @throws Error if the header or the sizes that follow from it are not those of a record
  explicit PackedRecord(std::span<const std::byte> record);

  int width() const { return width_; }
  int height() const { return height_; }
  std::span<const Component> components() const { return {components_.data(), static_cast<std::size_t>(count_)}; }

  const std::byte* end() const { return data_.data() + data_.size(); }

  /// First byte of a group of a row of blocks.
  /// @throws Error if the index leads out of the record
  const std::byte* group(int component, int row, int group) const;

  /// The byte after the last of a row of blocks.
  const std::byte* row_end(int component, int row) const;

  /// The range of bytes, from the record's first one, that hold the blocks of rows [first, last] of pixels, with those that
  /// the chroma of their neighbours needs.
  struct Range {
    std::size_t begin, end;
  };
  Range bytes_of_rows(int first, int last) const;

 private:
  std::size_t row_offset(int component, int row) const;

  int width_, height_, count_;
  std::array<Component, 3> components_{};
  std::size_t head_;
  std::span<const std::byte> data_;
};

/// Bytes before the blocks, for a record of this header's size and sampling.
std::size_t head_bytes(const RecordHeader& header);

/// "packed record: damaged at block row ROW of component COMPONENT".
[[noreturn]] void throw_damaged_row(int component, int row);

}  // namespace mosaic
