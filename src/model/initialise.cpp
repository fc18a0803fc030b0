#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "model/resnet.h"

namespace mosaic {
namespace {

std::int64_t fan_in(const at::Tensor& weight) { return weight.numel() / weight.size(0); }
std::int64_t fan_out(const at::Tensor& weight) { return weight.numel() / weight.size(1); }

/// torch.nn.init.kaiming_uniform_(a=sqrt(5)): the default weight of torch's Conv2d and Linear.
void default_uniform(at::Tensor& weight, at::Generator& random) {
  const double gain = std::sqrt(2.0 / (1 + 5));
  const double bound = std::sqrt(3.0) * (gain / std::sqrt(static_cast<double>(fan_in(weight))));
  weight.uniform_(-bound, bound, random);
}

void kaiming_normal(at::Tensor& weight, std::int64_t fan, at::Generator& random) {
  weight.normal_(0, std::sqrt(2.0) / std::sqrt(static_cast<double>(fan)), random);
}

}  // namespace

/// Three rounds of draws, of which only the last one stays: the generator must be used exactly as the reference uses it
/// (recipes section 3.2), who builds torchvision's net and then draws anew.
void ResNet::initialise(const ModelConfig& config, at::Generator& random) {
  const c10::NoGradGuard no_grad;

  // 1. torch's constructors, in the order in which torchvision calls them: a downsample before its block.
  default_uniform(stem_.conv.weight, random);
  for (auto& stage : stages_)
    for (auto& block : stage) {
      if (block.downsample) default_uniform(block.downsample->conv.weight, random);
      for (auto& layer : block.layers) default_uniform(layer.conv.weight, random);
    }
  default_uniform(fc_weight_, random);
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in(fc_weight_)));
  fc_bias_.uniform_(-bound, bound, random);

  // 2. torchvision's own rule.
  visit_layers([&](const std::string&, const std::string&, ResidualBlock::Layer& layer) {
    kaiming_normal(layer.conv.weight, fan_out(layer.conv.weight), random);
  });

  // 3. The recipe's.
  visit_layers([&](const std::string&, const std::string&, ResidualBlock::Layer& layer) {
    kaiming_normal(layer.conv.weight, fan_in(layer.conv.weight), random);
    layer.norm.weight.uniform_(0, 1, random);
  });
  kaiming_normal(fc_weight_, fan_in(fc_weight_), random);
  if (config.loss_name == LossName::kBinaryCrossEntropy) fc_bias_.fill_(-std::log(config.num_classes));
}

}  // namespace mosaic
