#include "packed/encode_record.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "packed/block_code.h"
#include "packed/packed_record.h"

namespace mosaic {
namespace {

using Component = JpegCoefficients::Component;
using Buffer = std::vector<std::byte>;

// What an 8-bit JPEG file can hold: such values can be written as one again, and the differences of DC fit into 12 bits.
constexpr int kMostAc = 1023;
constexpr int kLeastDc = -1024, kMostDc = 1023;

void put(Buffer& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 255));
}

/// Bits of a stored value: no zero among them, so that v > 0 stands as v - 1, in two's complement.
int width_of(int value) {
  const int stored = value > 0 ? value - 1 : value;
  int width = 1;
  while (stored < -(1 << (width - 1)) || stored >= 1 << (width - 1)) ++width;
  return width;
}

/// The values that are not zero, in order of frequency.
struct Values {
  int count = 0;
  int value[63];
  int place[63];  // in the zigzag order, 1 to 63
};

Values values_of(const std::int16_t* block) {
  Values v;
  for (int z = 1; z < 64; ++z) {
    if (block[kNaturalOfZigzag[z]] == 0) continue;
    v.value[v.count] = block[kNaturalOfZigzag[z]];
    v.place[v.count++] = z;
  }
  return v;
}

/// The profile that takes fewest bytes; of several, the first.
int best_profile(const Values& v) {
  int need[8] = {};
  for (int i = 0; i < v.count; ++i) need[i / 8] = std::max(need[i / 8], width_of(v.value[i]));
  const auto bytes = [&](int profile) { return kProfiles.length[64 * profile + v.count]; };
  int best = -1;
  for (int p = 0; p < kProfileCount; ++p) {
    bool fits = true;
    for (int g = 0; 8 * g < v.count; ++g) fits = fits && kProfiles.width[p][g] >= need[g];
    if (fits && (best < 0 || bytes(p) < bytes(best))) best = p;
  }
  return best;
}

void put_values(const Values& v, int profile, Buffer& out) {
  std::uint32_t bits = 0;
  int held = 0;
  for (int i = 0; i < v.count; ++i) {
    const int width = kProfiles.width[profile][i / 8];
    const int stored = v.value[i] > 0 ? v.value[i] - 1 : v.value[i];
    bits |= (static_cast<std::uint32_t>(stored) & ((1u << width) - 1)) << held;
    for (held += width; held >= 8; held -= 8, bits >>= 8) put(out, bits & 255, 1);
  }
  if (held > 0) put(out, bits, 1);
}

void put_block(const std::int16_t* block, int dc_before, Buffer& out) {
  Values v = values_of(block);
  Buffer patches;
  for (int i = 0; i < v.count; ++i) {
    if (v.value[i] >= -128 && v.value[i] <= 127) continue;
    put(patches, static_cast<std::uint32_t>(v.place[i]), 1);
    put(patches, static_cast<std::uint32_t>(v.value[i]), 2);
    v.value[i] = 1;  // holds the place
  }
  std::uint64_t mask = 0;
  for (int i = 0; i < v.count; ++i) mask |= std::uint64_t{1} << (v.place[i] - 1);
  const int mask_bytes = v.count == 0 ? 0 : (v.place[v.count - 1] + 7) / 8;
  const int profile = best_profile(v);

  const auto delta = static_cast<std::uint32_t>(block[0] - dc_before) & 0xfff;
  put(out,
      static_cast<std::uint32_t>(profile) | (patches.empty() ? 0 : kPatchedBit) |
          static_cast<std::uint32_t>(mask_bytes) << kMaskBytesShift | delta << kDcShift,
      kHeadBytes);
  if (!patches.empty()) {
    put(out, static_cast<std::uint32_t>(patches.size() / kPatchBytes), 1);
    out.insert(out.end(), patches.begin(), patches.end());
  }
  for (int i = 0; i < mask_bytes; ++i) put(out, static_cast<std::uint32_t>(mask >> (8 * i) & 255), 1);
  put_values(v, profile, out);
}

/// Where the rows of one component begin, and the groups in them.
struct Index {
  std::vector<std::uint32_t> rows;
  std::vector<std::uint16_t> starts;
};

/// @return whether its groups can be indexed
bool put_row(const Component& component, int y, Index& index, Buffer& data) {
  const std::size_t begin = data.size();
  index.rows.push_back(static_cast<std::uint32_t>(begin));
  int dc = 0;
  for (int x = 0; x < component.blocks_x; ++x) {
    if (x % kGroupBlocks == 0) {
      if (data.size() - begin > std::numeric_limits<std::uint16_t>::max()) return false;
      index.starts.push_back(static_cast<std::uint16_t>(data.size() - begin));
      dc = 0;
    }
    const std::int16_t* block = &component.blocks[(static_cast<std::size_t>(y) * component.blocks_x + x) * 64];
    put_block(block, dc, data);
    dc = block[0];
  }
  return true;
}

bool in_range(const Component& component) {
  for (std::size_t i = 0; i < component.blocks.size(); ++i) {
    const int value = component.blocks[i];
    if (i % 64 == 0 ? value < kLeastDc || value > kMostDc : std::abs(value) > kMostAc) return false;
  }
  return true;
}

void put_header(const RecordHeader& header, Buffer& out) {
  put(out, header.magic, 4);
  put(out, header.width, 2);
  put(out, header.height, 2);
  put(out, header.components, 1);
  for (const std::uint8_t h : header.h) put(out, h, 1);
  for (const std::uint8_t v : header.v) put(out, v, 1);
  put(out, 0, 1);
  put(out, header.data_offset, 4);
  put(out, header.data_size, 4);
}

}  // namespace

std::string encode_record(const JpegCoefficients& image, Buffer& record) {
  const auto count = static_cast<int>(image.components.size());
  RecordHeader header{.width = static_cast<std::uint16_t>(image.width),
                      .height = static_cast<std::uint16_t>(image.height),
                      .components = static_cast<std::uint8_t>(count)};
  for (int c = 0; c < count; ++c) {
    header.h[c] = static_cast<std::uint8_t>(image.components[c].h);
    header.v[c] = static_cast<std::uint8_t>(image.components[c].v);
  }
  if (!factors_are_supported(std::span(header.h).first(count), std::span(header.v).first(count)))
    return "unusual chroma sampling";
  for (const Component& component : image.components)
    if (!in_range(component)) return "coefficients out of range";

  // Band by band, a band being the rows of one row of MCUs, so that the rows of a crop are one range of bytes.
  Buffer data;
  std::array<Index, 3> index;
  const auto rows_of_band = [&](int c) { return count == 1 ? 1 : image.components[c].v; };
  for (int band = 0; band * rows_of_band(0) < image.components[0].blocks_y; ++band)
    for (int c = 0; c < count; ++c) {
      const int end = std::min(image.components[c].blocks_y, (band + 1) * rows_of_band(c));
      for (int y = band * rows_of_band(c); y < end; ++y)
        if (!put_row(image.components[c], y, index[c], data)) return "more than 64 KiB in a row of blocks";
    }

  header.data_offset = static_cast<std::uint32_t>(head_bytes(header));
  if (data.size() > std::numeric_limits<std::uint32_t>::max() - header.data_offset) return "more than 4 GiB";
  header.data_size = static_cast<std::uint32_t>(data.size());
  record.clear();
  record.reserve(header.data_offset + data.size());
  put_header(header, record);
  for (const Component& component : image.components)
    for (const std::uint16_t q : component.quant) put(record, q, 2);
  for (int c = 0; c < count; ++c) {
    for (const std::uint32_t row : index[c].rows) put(record, row, 4);
    for (const std::uint16_t start : index[c].starts) put(record, start, 2);
    if (index[c].starts.size() % 2 != 0) put(record, 0, 2);
  }
  record.insert(record.end(), data.begin(), data.end());
  return "";
}

}  // namespace mosaic
