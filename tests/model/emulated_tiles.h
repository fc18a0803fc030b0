#pragma once

#include <cstdint>

/// Tiles in memory for the loops of amx_loops.h: what `ldtilecfg`, `tileloadd`, `tdpbf16ps` and the others do, as the Intel
/// 64 and IA-32 Architectures Software Developer's Manual, volume 2, describes them, for eight tiles of 16 rows of 64
/// bytes. Products are summed in another order, and denormal numbers count. As in the loops, nothing is shared with other
/// files, and the standard library is not called.

namespace mosaic {
namespace {

class EmulatedTiles {
 public:
  static void configure() {
    if (in_use_) __builtin_trap();  // left by whoever used them before
    in_use_ = true;
    __builtin_memset(tiles_, 0, sizeof tiles_);
  }
  static void release() {
    check();
    in_use_ = false;
  }
  static void zero(int tile) {
    check();
    __builtin_memset(tiles_[tile], 0, sizeof(Tile));
  }
  static void load(int tile, const void* from, std::int64_t pitch) {
    check();
    for (int row = 0; row < 16; ++row)
      __builtin_memcpy(tiles_[tile][row], static_cast<const char*>(from) + row * pitch, 64);
  }
  static void store(int tile, void* to, std::int64_t pitch) {
    check();
    for (int row = 0; row < 16; ++row) __builtin_memcpy(static_cast<char*>(to) + row * pitch, tiles_[tile][row], 64);
  }
  static void multiply_add(int sums_tile, int left, int right) {
    check();
    for (int pair = 0; pair < 16; ++pair) {
      float even[16], odd[16];
      for (int column = 0; column < 16; ++column) {
        even[column] = lower(tiles_[right][pair][column]);
        odd[column] = upper(tiles_[right][pair][column]);
      }
      for (int row = 0; row < 16; ++row) {
        const float first = lower(tiles_[left][row][pair]), second = upper(tiles_[left][row][pair]);
        float sums[16];
        __builtin_memcpy(sums, tiles_[sums_tile][row], sizeof sums);
        for (int column = 0; column < 16; ++column) sums[column] += first * even[column] + second * odd[column];
        __builtin_memcpy(tiles_[sums_tile][row], sums, sizeof sums);
      }
    }
  }

  // As the loops call them.
  template <int kTile>
  static void zero() {
    zero(kTile);
  }
  template <int kTile>
  static void load(const void* from, std::int64_t pitch) {
    load(kTile, from, pitch);
  }
  template <int kTile>
  static void store(void* to, std::int64_t pitch) {
    store(kTile, to, pitch);
  }
  template <int kSums, int kLeft, int kRight>
  static void multiply_add() {
    multiply_add(kSums, kLeft, kRight);
  }

 private:
  using Tile = std::uint32_t[16][16];

  static void check() {
    if (!in_use_) __builtin_trap();
  }
  static float from_bits(std::uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
  static float lower(std::uint32_t pair) { return from_bits(pair << 16); }
  static float upper(std::uint32_t pair) { return from_bits(pair & 0xffff0000u); }

  static thread_local Tile tiles_[8];
  static thread_local bool in_use_;
};

constinit thread_local EmulatedTiles::Tile EmulatedTiles::tiles_[8] = {};
constinit thread_local bool EmulatedTiles::in_use_ = false;

}  // namespace
}  // namespace mosaic
