#include "model/stochastic_depth.h"

#include <ATen/ATen.h>

#include <cmath>

namespace mosaic {

std::vector<double> apply_stochastic_depth(ResNet& net, const StochasticDepthConfig& config) {
  std::vector<ResidualBlock*> blocks;
  for (auto& stage : net.stages_)
    for (auto& block : stage)
      if (block.bottleneck()) blocks.push_back(&block);
  std::vector<double> rates;
  if (config.drop_rate == 0) return rates;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i]->drop_rate = config.drop_rate * static_cast<double>(i + 1) / static_cast<double>(blocks.size());
    rates.push_back(blocks[i]->drop_rate);
  }
  return rates;
}

at::Tensor draw_keep(const std::vector<double>& rates, std::int64_t samples, KeyedRandom random) {
  const at::Tensor keep = at::empty({static_cast<std::int64_t>(rates.size()), samples}, at::kFloat);
  float* out = keep.mutable_data_ptr<float>();
  for (const double rate : rates)
    for (std::int64_t j = 0; j < samples; ++j)
      *out++ = std::floor((1 - static_cast<float>(rate)) + random.uniform_float());
  return keep;
}

}  // namespace mosaic
