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

/// @param bad  not 0 any more if this is no block as we write them
[[gnu::always_inline]] inline BlockHead read_head(const std::uint8_t* at, std::uint64_t& bad) {
  BlockHead b;
  std::memcpy(&b.bits, at, 4);
  at += kHeadBytes;
  b.patches = at;
  if (__builtin_expect(b.bits & kPatchedBit, 0)) {
    bad |= *at > kMostPatches;
    at += 1 + kPatchBytes * (*at & kMostPatches);
  }
  const std::uint32_t mask_bytes = b.bits >> kMaskBytesShift & 15;
  std::memcpy(&b.mask, at, 8);
  b.mask = _bzhi_u64(b.mask, 8 * mask_bytes);
  bad |= (mask_bytes > 8) | (b.bits & kSpareBit) | b.mask >> 63;
  b.values = at + mask_bytes;
  b.count = static_cast<int>(_mm_popcnt_u64(b.mask));
  b.next = b.values + kProfiles.length[b.bits & kProfileMask][b.count];
  return b;
}

[[gnu::always_inline]] inline int dc_difference(std::uint32_t bits) {
  return static_cast<std::int32_t>(bits << 8) >> 20;
}

[[gnu::noinline]] void apply_patches(const std::uint8_t* at, std::int16_t* out) {
  const int patches = *at++ & kMostPatches;
  for (int i = 0; i < patches; ++i, at += kPatchBytes) std::memcpy(&out[kBlockOrder.of_zigzag[at[0] & 63]], at + 1, 2);
}

/// `N` streams side by side. `Block` writes the 64 coefficients of a block.
template <int N, class Block>
[[gnu::always_inline]] inline bool unpack_streams(BlockStream* stream, int skip, int count, Block block) {
  const std::uint8_t *at[N], *end[N];
  std::int16_t* out[N];
  int dc[N];
  std::uint64_t bad = 0;
  for (int s = 0; s < N; ++s) {
    at[s] = stream[s].at;
    end[s] = stream[s].end;
    out[s] = stream[s].out;
    dc[s] = 0;
  }
  for (int i = 0; i < skip; ++i)
    for (int s = 0; s < N; ++s) {
      if (__builtin_expect(end[s] - at[s] < kMostBlockRead, 0)) {
        at[s] = portable::unpack_block(at[s], end[s], dc[s], nullptr);
        if (!at[s]) return false;
        continue;
      }
      const BlockHead head = read_head(at[s], bad);
      dc[s] += dc_difference(head.bits);
      at[s] = head.next;
    }
  for (int i = skip; i < skip + count; ++i) {
    const int keep = i % kGroupBlocks == 0 ? 0 : -1;
    for (int s = 0; s < N; ++s, out[s - 1] += 64) {
      dc[s] &= keep;
      if (__builtin_expect(end[s] - at[s] < kMostBlockRead, 0)) {
        at[s] = portable::unpack_block(at[s], end[s], dc[s], out[s]);
        if (!at[s]) return false;
        continue;
      }
      const BlockHead head = read_head(at[s], bad);
      dc[s] += dc_difference(head.bits);
      at[s] = head.next;
      block(head, out[s]);
      out[s][0] = static_cast<std::int16_t>(dc[s]);
      if (__builtin_expect(head.bits & kPatchedBit, 0)) apply_patches(head.patches, out[s]);
    }
  }
  for (int s = 0; s < N; ++s) stream[s].at = at[s];
  return bad == 0;
}

}  // namespace
}  // namespace mosaic
