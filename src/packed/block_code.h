#pragma once

#include <cstdint>

/// How one block of 64 quantised coefficients is coded; README.md of shards/ documents it bit by bit. Tables only, all of
/// them made by the compiler: the kernels for one instruction set include this, and may run nothing at start-up.
namespace mosaic {

/// DC values are stored as differences; every so many blocks of a row they start anew, and the row's index has an entry.
inline constexpr int kGroupBlocks = 16;

/// AC values stand in order of frequency, in groups of 8. A profile says how many bits the values of each group have: one
/// nibble a group, that of the first group lowest. The first eight are the uniform ones, so that there is one for any
/// block; the others were chosen to make photos smallest, those of ImageNet before all: tests/bench/choose_profiles.cpp. Part of the
/// format.
inline constexpr int kProfileCount = 64;
inline constexpr std::uint32_t kProfileWidths[kProfileCount] = {
    0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555, 0x66666666, 0x77777777, 0x88888888,
    0x22233458, 0x43445688, 0x22222236, 0x13332347, 0x11111125, 0x45566888, 0x22234568, 0x11111114,
    0x12222456, 0x11112446, 0x11122467, 0x11221247, 0x11221235, 0x22344578, 0x12222248, 0x11122127,
    0x11112345, 0x11111113, 0x11112146, 0x11112256, 0x11111115, 0x11112357, 0x44556788, 0x11111246,
    0x11111116, 0x11121134, 0x11211237, 0x11222358, 0x23345678, 0x11112356, 0x11121123, 0x23333567,
    0x11211245, 0x22223578, 0x12223457, 0x12223468, 0x44455788, 0x11221257, 0x12222346, 0x11111145,
    0x11212135, 0x11111136, 0x22234678, 0x11112466, 0x11121126, 0x11221336, 0x11212238, 0x11111112,
    0x11221355, 0x11111124, 0x11222244, 0x12223566, 0x22223356, 0x11111234, 0x11212457, 0x11111335,
};

struct ProfileTable {
  std::uint8_t width[kProfileCount][8];         // bits of a value of group g
  std::uint8_t offset[kProfileCount][8];        // where group g begins: bytes after the first value
  std::uint8_t length[kProfileCount * 64 + 1];  // bytes of n values, 0 to 63, at profile * 64 + n; for n = 64 anything
};

consteval ProfileTable make_profile_table() {
  ProfileTable t{};
  for (int p = 0; p < kProfileCount; ++p) {
    int bytes = 0;
    for (int g = 0; g < 8; ++g) {
      const int width = static_cast<int>(kProfileWidths[p] >> (4 * g) & 15);
      t.width[p][g] = static_cast<std::uint8_t>(width);
      t.offset[p][g] = static_cast<std::uint8_t>(bytes);
      for (int n = 0; n < 8; ++n) t.length[64 * p + 8 * g + n] = static_cast<std::uint8_t>(bytes + (n * width + 7) / 8);
      bytes += width;
    }
  }
  return t;
}
inline constexpr ProfileTable kProfiles = make_profile_table();

/// Place in a block, row by row, of the coefficient at a place of the zigzag order.
inline constexpr std::uint8_t kNaturalOfZigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                                      12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                                      35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                                      58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/// The 24 bits that a block begins with: profile, whether patches follow, bytes of the mask, zero, difference of the DC.
inline constexpr int kHeadBytes = 3;
inline constexpr std::uint32_t kProfileMask = 63;
inline constexpr std::uint32_t kPatchedBit = 1 << 6;
inline constexpr int kMaskBytesShift = 7;
inline constexpr int kMostMaskBytes = 8;  // of the 5 bits from kMaskBytesShift on; the highest is the spare one
inline constexpr int kDcShift = 12;

/// A patch is an AC value that a signed byte cannot hold: place in the zigzag order, then 16 bits.
inline constexpr int kPatchBytes = 3;
inline constexpr int kMostPatches = 63;

/// A kernel that reads blocks without looking where they end reads at most this far from a block's first byte: head, 63
/// patches and their number, 31 bytes of mask, and one vector of 64 bytes from a value on, wherever that is.
inline constexpr int kMostBlockRead = kHeadBytes + 1 + kPatchBytes * kMostPatches + 31 + 64;

}  // namespace mosaic
