#include "packed/decode_record.h"

#include "packed/block_code.h"
#include "packed/block_order.h"
#include "packed/portable_kernels.h"

namespace mosaic {
namespace {

void decode_row(const PackedRecord& record, int c, int y, std::int16_t* out) {
  const PackedRecord::Component& component = record.components()[c];
  const auto* end = reinterpret_cast<const std::uint8_t*>(record.end());
  const std::uint8_t* at = nullptr;
  int dc = 0;
  for (int x = 0; x < component.blocks_x; ++x, out += 64) {
    if (x % kGroupBlocks == 0) {
      const auto* start = reinterpret_cast<const std::uint8_t*>(record.group(c, y, x / kGroupBlocks));
      if (at && at != start) throw_damaged_row(c, y);
      at = start;
      dc = 0;
    }
    std::int16_t block[64];
    at = portable::unpack_block(at, end, dc, block);
    if (!at) throw_damaged_row(c, y);
    for (int i = 0; i < 64; ++i) out[i] = block[kBlockOrder.of_natural[i]];
  }
  if (at != reinterpret_cast<const std::uint8_t*>(record.row_end(c, y))) throw_damaged_row(c, y);
}

}  // namespace

void decode_coefficients(const PackedRecord& record, JpegCoefficients& out) {
  out.width = record.width();
  out.height = record.height();
  out.components.clear();
  int c = 0;
  for (const PackedRecord::Component& from : record.components()) {
    JpegCoefficients::Component& to = out.components.emplace_back();
    to.h = from.h;
    to.v = from.v;
    to.blocks_x = from.blocks_x;
    to.blocks_y = from.blocks_y;
    to.quant = from.quant;
    const std::size_t row_words = std::size_t{64} * from.blocks_x;
    to.blocks.resize(row_words * from.blocks_y);
    for (int y = 0; y < from.blocks_y; ++y) decode_row(record, c, y, &to.blocks[y * row_words]);
    ++c;
  }
}

}  // namespace mosaic
