#include "model/blur_pool.h"

#include <ATen/ATen.h>

#include "base/error.h"

namespace mosaic {

at::Tensor low_pass_filter(std::int64_t channels, const at::Tensor& like) {
  const at::Tensor binomial = at::tensor({1.0, 2.0, 1.0}, at::kDouble) / 4;
  return at::outer(binomial, binomial).to(like.device(), like.scalar_type()).expand({channels, 1, 3, 3}).contiguous();
}

at::Tensor low_pass(const at::Tensor& x, const at::Tensor& filter, std::int64_t stride) {
  return at::conv2d(x, filter.to(x.scalar_type()), {}, {stride, stride}, {1, 1}, {1, 1}, x.size(1));
}

std::vector<std::string> apply_blur_pool(ResNet& net, const BlurPoolConfig& config) {
  if (!config.replace_convs && !config.replace_maxpools)
    throw Error(
        "blurpool: got replace_convs: false and replace_maxpools: false, expected at least one of them to be true");
  std::vector<std::string> changed;
  if (config.replace_maxpools) {
    net.max_pool_.blur = low_pass_filter(net.stem_.conv.weight.size(0), net.fc_weight_.detach());
    changed.push_back("maxpool");
  }
  if (config.replace_convs)
    net.visit_layers([&](const std::string& name, const std::string&, ResidualBlock::Layer& layer) {
      Convolution& conv = layer.conv;
      const std::int64_t inputs = conv.weight.size(1);
      if (conv.stride == 1 || inputs < config.min_channels) return;
      conv.blur = low_pass_filter(inputs, conv.weight.detach());
      changed.push_back(name);
    });
  return changed;
}

}  // namespace mosaic
