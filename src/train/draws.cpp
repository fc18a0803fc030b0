#include "train/draws.h"

#include "model/stochastic_depth.h"

namespace mosaic {

KeptLines KeyedStepDraws::kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width,
                                     const DrawKey& key) {
  return draw_kept_lines(config, height, width, key.random(kColOut));
}

Mix KeyedStepDraws::mix(const MixUpConfig& config, std::int64_t samples, const DrawKey& key) {
  return draw_mix(config, samples, key.random(kMixUp));
}

at::Tensor KeyedStepDraws::keep(const std::vector<double>& rates, std::int64_t samples, const DrawKey& key) {
  return draw_keep(rates, samples, key.random(kStochasticDepth));
}

}  // namespace mosaic
