#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "packed/block_code.h"
#include "packed/block_order.h"
#include "packed/kernels.h"
#include "packed/portable_kernels.h"

/// What the vector kernels for unpacking share. In an unnamed namespace: see avx2_vectors.h.
namespace mosaic {
namespace {

/// The head of a block at least kMostBlockRead bytes before the record's end, so that no read needs a check.
struct BlockHead {
  std::uint32_t bits;
  std::uint64_t mask;
  int count;  // of values
  const std::uint8_t* patches;
  const std::uint8_t* values;
  const std::uint8_t* next;
};

/// What was wrong with some block so far, found without a branch for each.
struct Faults {
  std::uint32_t mask_bytes = 0;  // bit 5: one had too many
  std::uint64_t mask = 0;        // bit 63: one had a 64th value
  std::uint32_t patches = 0;     // not 0: one had too many
  [[gnu::always_inline]] bool any() const { return (mask_bytes >> 5 & 1) || mask >> 63 || patches; }
};

[[gnu::always_inline]] inline BlockHead read_head(const std::uint8_t* at, Faults& faults) {
  BlockHead b;
  std::memcpy(&b.bits, at, 4);
  at += kHeadBytes;
  b.patches = at;
  if (__builtin_expect(b.bits & kPatchedBit, 0)) {
    faults.patches |= *at > kMostPatches;
    at += 1 + kPatchBytes * (*at & kMostPatches);
  }
  const std::uint32_t mask_bytes = b.bits >> kMaskBytesShift & 31;
  std::memcpy(&b.mask, at, 8);
  b.mask = _bzhi_u64(b.mask, 8 * mask_bytes);  // 64 bits and more: all of it
  faults.mask_bytes |= mask_bytes + (31 - kMostMaskBytes);
  faults.mask |= b.mask;
  b.values = at + mask_bytes;
  b.count = static_cast<int>(_mm_popcnt_u64(b.mask));
  b.next = b.values + kProfiles.length[64 * (b.bits & kProfileMask) + b.count];
  return b;
}

[[gnu::always_inline]] inline int dc_difference(std::uint32_t bits) {
  return static_cast<std::int32_t>(bits << 8) >> 20;
}

[[gnu::noinline]] void apply_patches(const std::uint8_t* at, std::int16_t* out) {
  const int patches = *at++ & kMostPatches;
  for (int i = 0; i < patches; ++i, at += kPatchBytes) std::memcpy(&out[kBlockOrder.of_zigzag[at[0] & 63]], at + 1, 2);
}

/// `N` rows side by side. `write(head, out)` makes the 64 coefficients of a block.
template <int N, class Write>
[[gnu::always_inline]] inline bool unpack_rows(BlockRows& rows, int skip, int count, Write write) {
  const std::uint8_t* at[N];
  const std::uint8_t* const end = rows.end;
  std::int16_t* out = rows.out;
  const std::ptrdiff_t out_stride = rows.out_stride;
  int dc[N];
  Faults faults;
  for (int s = 0; s < N; ++s) {
    at[s] = rows.at[s];
    dc[s] = 0;
  }
  for (int i = 0; i < skip; ++i)
    for (int s = 0; s < N; ++s) {
      if (__builtin_expect(end - at[s] < kMostBlockRead, 0)) {
        at[s] = portable::unpack_block(at[s], end, dc[s], nullptr);
        if (!at[s]) return false;
        continue;
      }
      const BlockHead head = read_head(at[s], faults);
      dc[s] += dc_difference(head.bits);
      at[s] = head.next;
    }
  for (int i = skip; i < skip + count; ++i, out += 64) {
    const int keep = i % kGroupBlocks == 0 ? 0 : -1;
    for (int s = 0; s < N; ++s) {
      std::int16_t* block = out + s * out_stride;
      dc[s] &= keep;
      if (__builtin_expect(end - at[s] < kMostBlockRead, 0)) {
        at[s] = portable::unpack_block(at[s], end, dc[s], block);
        if (!at[s]) return false;
        continue;
      }
      const BlockHead head = read_head(at[s], faults);
      dc[s] += dc_difference(head.bits);
      at[s] = head.next;
      write(head, block);
      block[0] = static_cast<std::int16_t>(dc[s]);
      if (__builtin_expect(head.bits & kPatchedBit, 0)) apply_patches(head.patches, block);
    }
  }
  for (int s = 0; s < N; ++s) rows.at[s] = at[s];
  return !faults.any();
}

}  // namespace
}  // namespace mosaic
