#include "batch/sampler.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

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

std::int64_t EvalEpoch::batch_size(std::int64_t batch, int rank) const {
  return std::min(rank_batch(), rank_samples(rank) - batch * rank_batch());
}

}  // namespace mosaic
