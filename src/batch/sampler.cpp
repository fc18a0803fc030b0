#include "batch/sampler.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "base/random.h"

namespace mosaic {

std::vector<std::int64_t> shuffled(std::int64_t samples, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(samples));
  std::iota(order.begin(), order.end(), 0);
  // torch's generator keeps the low 32 bits of the seed.
  std::mt19937 random(static_cast<std::uint32_t>(epoch));
  for (std::int64_t i = 0; i + 1 < samples; ++i) {
    const auto step = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(samples - i));
    std::swap(order[i], order[i + step]);
  }
  return order;
}

std::vector<std::int64_t> block_shuffled(std::int64_t samples, const BlockShuffle& shape, std::uint64_t seed,
                                         std::int64_t epoch) {
  KeyedRandom random{kBlockShuffle, seed, static_cast<std::uint64_t>(epoch)};
  const std::int64_t shift = random.uniform_int(shape.block);  // of the blocks' edges
  const std::int64_t blocks = (samples + shift + shape.block - 1) / shape.block;
  std::vector<std::int64_t> order;
  order.reserve(static_cast<std::size_t>(samples));
  for (const std::int64_t block : random_order(blocks, blocks, random)) {
    const std::int64_t begin = block * shape.block - shift, end = std::min(samples, begin + shape.block);
    for (std::int64_t sample = std::max<std::int64_t>(0, begin); sample < end; ++sample) order.push_back(sample);
  }
  for (std::int64_t begin = 0; begin < samples; begin += shape.window) {
    const std::int64_t end = std::min(samples, begin + shape.window);
    for (std::int64_t i = begin; i < end; ++i) std::swap(order[i], order[i + random.uniform_int(end - i)]);
  }
  return order;
}

std::int64_t EvalEpoch::batch_size(std::int64_t batch, int rank) const {
  return std::min(rank_batch(), rank_samples(rank) - batch * rank_batch());
}

}  // namespace mosaic
