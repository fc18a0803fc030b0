#pragma once

#include <cstdint>

#include "packed/block_code.h"

namespace mosaic {

/// The order of a block's 64 coefficients in memory, between unpacking and inverse transform; not part of the format. Pairs
/// of rows (0,4) (2,6) (1,7) (3,5) are interleaved and the columns stand as 0 4 2 6 1 7 3 5: the inverse transform multiplies
/// and adds just these pairs, so that vectors need no rearranging before either pass.
inline constexpr int kRowPairs[4][2] = {{0, 4}, {2, 6}, {1, 7}, {3, 5}};
inline constexpr int kColumnOrder[8] = {0, 4, 2, 6, 1, 7, 3, 5};

struct BlockOrder {
  std::uint8_t of_natural[64];  // place in memory of the coefficient at row * 8 + column
  std::uint8_t of_zigzag[64];
};

consteval BlockOrder make_block_order() {
  BlockOrder order{};
  for (int pair = 0; pair < 4; ++pair)
    for (int column = 0; column < 8; ++column)
      for (int half = 0; half < 2; ++half)
        order.of_natural[kRowPairs[pair][half] * 8 + kColumnOrder[column]] =
            static_cast<std::uint8_t>(pair * 16 + column * 2 + half);
  for (int z = 0; z < 64; ++z) order.of_zigzag[z] = order.of_natural[kNaturalOfZigzag[z]];
  return order;
}
inline constexpr BlockOrder kBlockOrder = make_block_order();

}  // namespace mosaic
