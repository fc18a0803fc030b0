#include "model/resnet.h"

#include <ATen/ATen.h>

#include <utility>

#include "base/error.h"
#include "model/blur_pool.h"
#include "model/direct_blur.h"
#include "model/fused_layers.h"

namespace mosaic {
namespace {

struct Shape {
  const char* name;
  bool bottleneck;
  int blocks[4];
};
constexpr Shape kShapes[] = {
    {"resnet18", false, {2, 2, 2, 2}},  {"resnet34", false, {3, 4, 6, 3}},  {"resnet50", true, {3, 4, 6, 3}},
    {"resnet101", true, {3, 4, 23, 3}}, {"resnet152", true, {3, 8, 36, 3}},
};

const Shape& shape_of(const std::string& name) {
  for (const Shape& shape : kShapes)
    if (name == shape.name) return shape;
  throw Error(str("model.name: got ", name, ", expected resnet18, resnet34, resnet50, resnet101 or resnet152"));
}

ResidualBlock::Layer make_layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  ResidualBlock::Layer layer;
  layer.conv = {at::empty({out, in, kernel, kernel}), stride, kernel / 2};
  layer.norm = {at::ones({out}), at::zeros({out}), at::zeros({out}), at::ones({out})};
  return layer;
}

ResidualBlock make_block(bool bottleneck, std::int64_t in, std::int64_t planes, std::int64_t stride) {
  const std::int64_t out = bottleneck ? planes * 4 : planes;
  ResidualBlock block;
  if (bottleneck) {
    block.layers = {make_layer(in, planes, 1, 1), make_layer(planes, planes, 3, stride), make_layer(planes, out, 1, 1)};
  } else {
    block.layers = {make_layer(in, planes, 3, stride), make_layer(planes, planes, 3, 1)};
  }
  if (stride != 1 || in != out) block.downsample = make_layer(in, out, 1, stride);
  return block;
}

}  // namespace

at::Tensor Convolution::operator()(const at::Tensor& x) const {
  return at::conv2d(blur.defined() ? low_pass(x, blur, 1) : x, weight, {}, {stride, stride}, {padding, padding});
}

at::Tensor MaxPool::operator()(const at::Tensor& x, bool direct) const {
  if (!blur.defined()) return at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1});
  const at::Tensor maxima = at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1});
  return direct ? direct_low_pass(maxima, 2) : low_pass(maxima, blur, 2);
}

at::Tensor BatchNorm::operator()(const at::Tensor& x, bool training) {
  if (training) ++batches_tracked;
  return at::batch_norm(x, weight, bias, running_mean, running_var, training, 0.1, 1e-5, true);
}

at::Tensor ResidualBlock::operator()(const at::Tensor& x, bool batch_statistics, const at::Tensor& keep) {
  at::Tensor z = x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    z = layers[i].norm(layers[i].conv(z), batch_statistics);
    if (i + 1 < layers.size()) z.relu_();
  }
  if (drop_rate > 0 && keep.defined()) z.mul_(keep.view({-1, 1, 1, 1}).to(z.scalar_type()));
  if (drop_rate > 0 && !keep.defined()) z.mul_(1 - drop_rate);
  const at::Tensor shortcut = downsample ? downsample->norm(downsample->conv(x), batch_statistics) : x;
  return z.add_(shortcut).relu_();
}

ResNet::ResNet(const ModelConfig& config, at::Generator random) : freeze_batch_norm_(config.freeze_batch_norm) {
  const Shape& shape = shape_of(config.name);
  std::int64_t channels = config.width;
  stem_ = make_layer(3, channels, 7, 2);
  for (int s = 0; s < 4; ++s) {
    const std::int64_t planes = std::int64_t{config.width} << s;
    auto& stage = stages_.emplace_back();
    for (int b = 0; b < shape.blocks[s]; ++b) {
      stage.push_back(make_block(shape.bottleneck, channels, planes, s > 0 && b == 0 ? 2 : 1));
      channels = shape.bottleneck ? planes * 4 : planes;
    }
  }
  fc_weight_ = at::empty({config.num_classes, channels});
  fc_bias_ = at::empty({config.num_classes});
  initialise(config, random);
  for (const auto& p : parameters()) p.tensor.requires_grad_(true);
}

at::Tensor ResNet::forward(const at::Tensor& images, const at::Tensor& keep) {
  const bool batch_statistics = training_ && !freeze_batch_norm_;
  at::Tensor x = stem_.conv(images);
  const bool fuse = fused_layers_ && training_ && can_fuse(x, stem_.norm);
  x = fuse ? fused_norm_relu(x, stem_.norm, batch_statistics) : stem_.norm(x, batch_statistics).relu_();
  x = max_pool_(x, fuse);

  std::int64_t dropping = 0;  // blocks with a drop rate so far: rows of `keep`
  BlockOutput both{x, x};
  for (auto& stage : stages_)
    for (auto& block : stage) {
      const at::Tensor kept = training_ && block.drop_rate > 0 ? keep.select(0, dropping++) : at::Tensor();
      if (fuse)
        both = fused_block(both, block, batch_statistics, kept, amx_);
      else
        x = block(x, batch_statistics, kept);
    }
  if (fuse) x = both.branch;
  return at::linear(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1), fc_weight_, fc_bias_);
}

std::vector<at::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  for (const auto& n : named) tensors.push_back(n.tensor);
  return tensors;
}

std::vector<NamedTensor> ResNet::parameters() const {
  std::vector<NamedTensor> all;
  visit_layers([&](const std::string& conv, const std::string& norm, const ResidualBlock::Layer& layer) {
    all.push_back({conv + ".weight", layer.conv.weight});
    all.push_back({norm + ".weight", layer.norm.weight});
    all.push_back({norm + ".bias", layer.norm.bias});
  });
  all.push_back({"fc.weight", fc_weight_});
  all.push_back({"fc.bias", fc_bias_});
  return all;
}

std::vector<NamedTensor> ResNet::buffers() const {
  std::vector<NamedTensor> all;
  visit_layers([&](const std::string&, const std::string& norm, const ResidualBlock::Layer& layer) {
    all.push_back({norm + ".running_mean", layer.norm.running_mean});
    all.push_back({norm + ".running_var", layer.norm.running_var});
  });
  return all;
}

std::vector<std::string> ResNet::batch_norm_names() const {
  std::vector<std::string> names;
  visit_layers([&](const std::string&, const std::string& norm, const auto&) { names.push_back(norm); });
  return names;
}

void ResNet::set_batches_tracked(std::int64_t count) {
  visit_layers(
      [&](const std::string&, const std::string&, ResidualBlock::Layer& layer) { layer.norm.batches_tracked = count; });
}

at::Tensor ResNet::flatten_buffers() {
  std::vector<at::Tensor> parts;
  for (const auto& b : buffers()) parts.push_back(b.tensor);
  const at::Tensor flat = at::cat(parts);
  std::int64_t at = 0;
  const auto view = [&](at::Tensor& t) { t = flat.narrow(0, std::exchange(at, at + t.numel()), t.numel()); };
  visit_layers([&](const std::string&, const std::string&, ResidualBlock::Layer& layer) {
    view(layer.norm.running_mean);
    view(layer.norm.running_var);
  });
  return flat;
}

void ResNet::to(at::Device device, at::ScalarType type) {
  const auto parameter = [&](at::Tensor& t) { t = t.detach().to(device, type).requires_grad_(true); };
  const auto buffer = [&](at::Tensor& t) {
    if (t.defined()) t = t.to(device, type);
  };
  visit_layers([&](const std::string&, const std::string&, ResidualBlock::Layer& layer) {
    parameter(layer.conv.weight);
    buffer(layer.conv.blur);
    parameter(layer.norm.weight);
    parameter(layer.norm.bias);
    buffer(layer.norm.running_mean);
    buffer(layer.norm.running_var);
  });
  buffer(max_pool_.blur);
  parameter(fc_weight_);
  parameter(fc_bias_);
}

}  // namespace mosaic
