#pragma once

#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace mosaic {

/// Random numbers that are a function of their key, so that a restart, another number of threads or ranks and a unit test
/// all see the same run: an image's pixels are drawn from (seed, epoch, sample), a batch's from (seed, step, rank, ...).
/// Each use begins its key with a name of its own, see `RandomUse`.
/// Source: splitmix64, Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014; the words of
/// the key are absorbed one by one, each through the generator's own mixing function.
/// A standard UniformRandomBitGenerator. Copyable, 16 bytes, no heap.
class KeyedRandom {
 public:
  using result_type = std::uint64_t;

  KeyedRandom(std::initializer_list<std::uint64_t> key) {
    for (const std::uint64_t word : key) state_ = mix((state_ + kGamma) ^ mix(word + kGamma));
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() { return mix(state_ += kGamma); }

  /// In [0, 1), all multiples of 2^-24 alike: the grid of torch.rand in float32.
  float uniform_float() { return static_cast<float>((*this)() >> 40) * 0x1p-24f; }

  /// In [0, 1), all multiples of 2^-53 alike.
  double uniform_double() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

  /// In [0, bound), bound > 0. The bias, below bound / 2^64, is far from observable.
  std::int64_t uniform_int(std::int64_t bound) {
    assert(bound > 0);
    return static_cast<std::int64_t>((static_cast<unsigned __int128>((*this)()) * static_cast<std::uint64_t>(bound)) >>
                                     64);
  }

 private:
  static constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15;
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  std::uint64_t state_ = 0;
};

/// First word of every key: two uses with otherwise equal keys must not see the same numbers.
enum RandomUse : std::uint64_t {
  kCropAndFlip = 1,
  kMixUp = 2,
  kColOut = 3,
  kStochasticDepth = 4,
  kRandAugment = 5,
  kBlockShuffle = 6,
};

/// Where in a run a draw for a whole batch is made: each rank, micro-batch and pass over a batch (a step may make two) has
/// draws of its own.
struct DrawKey {
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  int rank = 0;
  int micro_batch = 0;
  int pass = 0;

  KeyedRandom random(RandomUse use) const {
    return {use,
            seed,
            static_cast<std::uint64_t>(step),
            static_cast<std::uint64_t>(rank),
            static_cast<std::uint64_t>(micro_batch),
            static_cast<std::uint64_t>(pass)};
  }
};

/// The first `k` numbers of a random order of 0 ... n - 1. Source: Fisher and Yates; Knuth, TAOCP 2, algorithm 3.4.2P.
inline std::vector<std::int64_t> random_order(std::int64_t n, std::int64_t k, KeyedRandom& random) {
  assert(0 <= k && k <= n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = 0; i < k; ++i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(i + random.uniform_int(n - i))]);
  order.resize(static_cast<std::size_t>(k));
  return order;
}

}  // namespace mosaic
