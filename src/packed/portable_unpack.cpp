#include <algorithm>
#include <bit>

#include "packed/block_code.h"
#include "packed/block_order.h"
#include "packed/portable_kernels.h"

namespace mosaic::portable {
namespace {

/// Value number n of a block: `width` bits from a place in its bytes, and no zero among them.
int value_at(const std::uint8_t* values, int profile, int n) {
  const int width = kProfiles.width[profile][n / 8];
  const int bit = 8 * kProfiles.offset[profile][n / 8] + n % 8 * width;
  int stored = values[bit / 8] >> (bit % 8);
  if (bit % 8 + width > 8) stored |= values[bit / 8 + 1] << (8 - bit % 8);
  stored &= (1 << width) - 1;
  if (stored >= 1 << (width - 1)) return stored - (1 << width);
  return static_cast<std::int8_t>(stored + 1);  // the vectors hold bytes
}

/// The signed 12 bits from kDcShift on.
int dc_difference(std::uint32_t head) { return static_cast<std::int32_t>(head << 8) >> 20; }

}  // namespace

const std::uint8_t* unpack_block(const std::uint8_t* at, const std::uint8_t* end, int& dc, std::int16_t* out) {
  const auto has = [&](std::ptrdiff_t bytes) { return end - at >= bytes; };
  if (!has(kHeadBytes)) return nullptr;
  const std::uint32_t head = at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16;
  at += kHeadBytes;
  dc += dc_difference(head);

  int patches = 0;
  const std::uint8_t* patch = nullptr;
  if (head & kPatchedBit) {
    if (!has(1)) return nullptr;
    patches = *at++;
    patch = at;
    if (patches > kMostPatches || !has(kPatchBytes * patches)) return nullptr;
    at += kPatchBytes * patches;
  }

  const int mask_bytes = static_cast<int>(head >> kMaskBytesShift & 31);
  if (mask_bytes > kMostMaskBytes || !has(mask_bytes)) return nullptr;
  std::uint64_t mask = 0;
  for (int i = 0; i < mask_bytes; ++i) mask |= std::uint64_t{at[i]} << (8 * i);
  at += mask_bytes;
  if (mask >> 63) return nullptr;

  const int profile = static_cast<int>(head & kProfileMask);
  const int length = kProfiles.length[64 * profile + std::popcount(mask)];
  if (!has(length)) return nullptr;
  if (out) {
    std::fill_n(out, 64, std::int16_t{0});
    int n = 0;
    for (; mask != 0; mask &= mask - 1)
      out[kBlockOrder.of_zigzag[std::countr_zero(mask) + 1]] = static_cast<std::int16_t>(value_at(at, profile, n++));
    out[0] = static_cast<std::int16_t>(dc);
    for (int i = 0; i < patches; ++i, patch += kPatchBytes)
      out[kBlockOrder.of_zigzag[patch[0] & 63]] = static_cast<std::int16_t>(patch[1] | patch[2] << 8);
  }
  return at + length;
}

bool unpack(BlockRows& rows, int streams, int skip, int count) {
  for (int s = 0; s < streams; ++s) {
    std::int16_t* out = rows.out + s * rows.out_stride;
    int dc = 0;
    for (int i = 0; i < skip + count; ++i) {
      if (i % kGroupBlocks == 0) dc = 0;
      const bool wanted = i >= skip;
      rows.at[s] = unpack_block(rows.at[s], rows.end, dc, wanted ? out : nullptr);
      if (!rows.at[s]) return false;
      if (wanted) out += 64;
    }
  }
  return true;
}

}  // namespace mosaic::portable
