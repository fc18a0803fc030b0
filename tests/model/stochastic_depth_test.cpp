#include "model/stochastic_depth.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

ResNet net_of(const std::string& name) {
  return ResNet({.name = name, .num_classes = 10}, at::detail::createCPUGenerator(17));
}

TEST_CASE("the rates of ResNet-50 grow in sixteen steps to the last block's", "[model]") {
  ResNet net = net_of("resnet50");
  const auto rates = apply_stochastic_depth(net, {.drop_rate = 0.1});
  REQUIRE(rates.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) CHECK(rates[i] == Approx(0.00625 * static_cast<double>(i + 1)).epsilon(1e-15));
}

TEST_CASE("nets of basic blocks, and a rate of 0, are left alone", "[model]") {
  ResNet small = net_of("resnet34"), large = net_of("resnet50");
  CHECK(apply_stochastic_depth(small, {.drop_rate = 0.1}).empty());
  CHECK(apply_stochastic_depth(large, {.drop_rate = 0}).empty());
  const c10::NoGradGuard no_grad;
  CHECK(small.forward(at::ones({2, 3, 32, 32})).size(0) == 2);  // training, and needs no draws
}

TEST_CASE("draws are 0 or 1, follow their key, and drop as often as the rate says", "[model]") {
  const std::vector<double> rates = {0.1, 0.5, 1.0};
  const at::Tensor keep = draw_keep(rates, 20000, KeyedRandom{1, 2});
  CHECK(keep.sizes() == at::IntArrayRef({3, 20000}));
  CHECK(keep.eq(0).logical_or(keep.eq(1)).all().item<bool>());
  const at::Tensor means = keep.mean(1);
  for (int i = 0; i < 3; ++i)
    CHECK(means[i].item<double>() ==
          Approx(1 - rates[static_cast<std::size_t>(i)]).margin(0.011));  // three sigma at 0.5
  CHECK(at::equal(keep, draw_keep(rates, 20000, KeyedRandom{1, 2})));
  CHECK_FALSE(at::equal(keep, draw_keep(rates, 20000, KeyedRandom{1, 3})));
}

TEST_CASE("a net with stochastic depth cannot be trained without draws, but evaluated", "[model]") {
  const c10::NoGradGuard no_grad;
  ResNet net = net_of("resnet50");
  const auto rates = apply_stochastic_depth(net, {.drop_rate = 0.5});
  const at::Tensor x = at::arange(2 * 3 * 32 * 32, at::kFloat).view({2, 3, 32, 32}).cos();
  CHECK_THROWS(net.forward(x));
  CHECK_NOTHROW(net.forward(x, draw_keep(rates, 2, KeyedRandom{5})));
  net.set_training(false);
  CHECK_NOTHROW(net.forward(x));
}

TEST_CASE("what the draws keep decides what an image passes through", "[model]") {
  const c10::NoGradGuard no_grad;
  ResNet net = net_of("resnet50");
  const auto rates = apply_stochastic_depth(net, {.drop_rate = 0.5});
  const auto blocks = static_cast<std::int64_t>(rates.size());
  const at::Tensor x = at::arange(2 * 3 * 32 * 32, at::kFloat).view({2, 3, 32, 32}).cos();
  at::Tensor keep = at::ones({blocks, 2});
  const at::Tensor all = net.forward(x, keep);
  CHECK(test::deviation(all, net_of("resnet50").forward(x)) <= 1e-6);
  keep[blocks - 1][1] = 0;  // the last block: batch norm lets the other image feel nothing of it
  const at::Tensor dropped = net.forward(x, keep);
  CHECK(at::equal(dropped[0], all[0]));
  CHECK(test::deviation(dropped[1], all[1]) > 1e-3);
}

TEST_CASE("rates are the reference's", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& [name, c] : golden->at("stochastic_depth")["rates"].items()) {
    INFO(name);
    ResNet net = net_of(name);
    const auto rates = apply_stochastic_depth(net, {.drop_rate = c["drop_rate"]});
    REQUIRE(rates.size() == c["float32_rates"].size());
    for (std::size_t i = 0; i < rates.size(); ++i)
      CHECK(static_cast<float>(rates[i]) == Approx(c["float32_rates"][i].get<double>()).epsilon(1e-6));
  }
}

/// Blocks with the weights of a golden case, named "0.conv1.weight", ..., "0.downsample.1.running_var".
struct GoldenBlocks {
  std::vector<ResidualBlock> blocks;
  std::vector<NamedTensor> parameters, buffers;

  GoldenBlocks(const SafetensorsFile& file, const std::string& prefix, std::int64_t count, double drop_rate) {
    const auto tensor = [&](const std::string& name, bool learnt) {
      const at::Tensor t = test::tensor_of(file.get(prefix + ".init." + name)).requires_grad_(learnt);
      (learnt ? parameters : buffers).push_back({name, t});
      return t;
    };
    const auto layer = [&](const std::string& conv, const std::string& norm, std::int64_t stride) {
      ResidualBlock::Layer l;
      const at::Tensor weight = tensor(conv + ".weight", true);
      l.conv = {weight, stride, weight.size(2) / 2};
      l.norm = {tensor(norm + ".weight", true), tensor(norm + ".bias", true), tensor(norm + ".running_mean", false),
                tensor(norm + ".running_var", false)};
      return l;
    };
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string name = std::to_string(i) + ".";
      ResidualBlock block;
      for (int j = 1; j <= 3; ++j)
        block.layers.push_back(
            layer(name + "conv" + std::to_string(j), name + "bn" + std::to_string(j), i == 0 && j == 2 ? 2 : 1));
      if (i == 0) block.downsample = layer("0.downsample.0", "0.downsample.1", 2);
      block.drop_rate = drop_rate * static_cast<double>(i + 1) / static_cast<double>(count);
      blocks.push_back(std::move(block));
    }
  }
};

/// Largest |a - b| over max(1, the largest |b|): what the tolerance of the golden gradients is relative to.
double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / std::max(1.0, b.abs().max().item<double>());
}

TEST_CASE("blocks drop images as the reference's do, in training and evaluation", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  const auto path = test::golden_path("optim.safetensors");
  if (!golden || !path) return;
  const SafetensorsFile file(*path);
  for (const auto& c : golden->at("stochastic_depth")["cases"]) {
    const std::string prefix = c["tensors"];
    INFO(prefix);
    GoldenBlocks net(file, prefix, c["blocks"], c["drop_rate"]);
    const auto tensor = [&](const std::string& name) { return test::tensor_of(file.get(prefix + "." + name)); };

    const at::Tensor x = tensor("x").requires_grad_(true);
    at::Tensor y = x;
    for (std::size_t i = 0; i < net.blocks.size(); ++i) {
      const auto uniforms = c["uniforms"][i].get<std::vector<double>>();
      const at::Tensor keep =
          (1 - at::scalar_tensor(net.blocks[i].drop_rate, at::kFloat) + at::tensor(uniforms).to(at::kFloat)).floor();
      CHECK(at::equal(keep, at::tensor(c["masks"][i].get<std::vector<double>>()).to(at::kFloat)));
      y = net.blocks[i](y, true, keep);
    }
    y.backward(tensor("gy"));
    CHECK(distance(y, tensor("y")) <= 1e-5);
    CHECK(distance(x.grad(), tensor("gx")) <= 1e-5);
    for (const auto& p : net.parameters) {
      INFO(p.name);
      CHECK(distance(p.tensor.grad(), tensor("grad." + p.name)) <= 1e-5);
    }
    for (const auto& b : net.buffers) CHECK(distance(b.tensor, tensor("after." + b.name)) <= 1e-5);

    const c10::NoGradGuard no_grad;
    at::Tensor z = tensor("x");
    for (auto& block : net.blocks) z = block(z, false);
    CHECK(distance(z, tensor("eval")) <= 1e-5);
  }
}

}  // namespace
}  // namespace mosaic
