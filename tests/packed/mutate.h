#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/random.h"

namespace mosaic::test {

/// How many damaged records a test tries, and from which seed: MOSAIC_RECORDS and MOSAIC_SEED in the environment, to find more.
struct MutationsWanted {
  int records;
  std::uint64_t seed;
};
inline MutationsWanted mutations_wanted() {
  const char *records = std::getenv("MOSAIC_RECORDS"), *seed = std::getenv("MOSAIC_SEED");
  return {records ? std::atoi(records) : 1000, seed ? std::strtoull(seed, nullptr, 10) : 21};
}

/// Bits flipped, bytes exchanged, pieces moved; anywhere, or in the part where it hurts most.
inline void mutate(std::vector<std::byte>& record, KeyedRandom& random) {
  const auto at = [&](std::size_t end) {
    return static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(end)));
  };
  const std::size_t size = record.size();
  for (int n = 1 + static_cast<int>(at(4)); n > 0; --n) switch (at(6)) {
      case 0:
        record[at(size)] ^= static_cast<std::byte>(1 << at(8));
        break;
      case 1:
        record[at(size)] = static_cast<std::byte>(at(256));
        break;
      case 2:  // index
        record[24 + at(std::min<std::size_t>(size - 24, 1000))] = static_cast<std::byte>(at(256));
        break;
      case 3:  // runs of ones make the longest blocks
        for (std::size_t i = at(size), end = std::min(size, i + at(40)); i < end; ++i) record[i] = std::byte{0xff};
        break;
      case 4: {
        const std::size_t length = 1 + at(std::min<std::size_t>(size, 64)), from = at(size - length + 1);
        std::memmove(record.data() + at(size - length + 1), record.data() + from, length);
        break;
      }
      default:  // the end, where vectors might read on
        record[size - 1 - at(std::min<std::size_t>(size, 300))] = static_cast<std::byte>(at(256));
    }
}

}  // namespace mosaic::test
