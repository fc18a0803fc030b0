#include "model/blur_pool.h"

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

TEST_CASE("a single bright pixel becomes the binomial filter, and the border fades into zeros", "[model]") {
  at::Tensor x = at::zeros({1, 1, 4, 4}, at::kDouble);
  x[0][0][0][1] = 16;
  const at::Tensor y = low_pass(x, low_pass_filter(1, x), 1);
  CHECK(at::equal(
      y[0][0], at::tensor({2.0, 4.0, 2.0, 0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, at::kDouble)
                   .view({4, 4})));
}

TEST_CASE("each channel is blurred on its own, with the stride asked for, in every type and layout", "[model]") {
  const at::Tensor x = at::arange(2 * 3 * 5 * 6, at::kDouble).view({2, 3, 5, 6}).sin();
  const at::Tensor expected = at::stack({low_pass(x.narrow(1, 0, 1), low_pass_filter(1, x), 2),
                                         low_pass(x.narrow(1, 1, 1), low_pass_filter(1, x), 2),
                                         low_pass(x.narrow(1, 2, 1), low_pass_filter(1, x), 2)},
                                        1)
                                  .squeeze(2);
  CHECK(expected.sizes() == at::IntArrayRef({2, 3, 3, 3}));
  const at::Tensor filter = low_pass_filter(3, at::zeros({1}));  // float32, whatever the input is
  for (const auto& [type, tolerance] : {std::pair{at::kDouble, 1e-15}, {at::kFloat, 1e-6}, {at::kBFloat16, 2e-2}})
    for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      const at::Tensor y = low_pass(x.to(type).contiguous(layout), filter, 2);
      CHECK(y.scalar_type() == type);
      CHECK(test::deviation(y, expected) <= tolerance);
    }
}

TEST_CASE("the gradient of a blur is the same in every type, layout and stride, on even and odd sides", "[model]") {
  for (const std::int64_t side : {7, 8})
    for (const std::int64_t stride : {1, 2}) {
      const at::Tensor x = at::arange(2 * 16 * side * side, at::kDouble).view({2, 16, side, side}).sin();
      const auto gradient = [&](at::ScalarType type, at::MemoryFormat layout) {
        at::Tensor in = x.to(type).clone(layout).requires_grad_();
        const at::Tensor out = low_pass(in, low_pass_filter(16, x), stride);
        out.backward(at::arange(out.numel(), at::kDouble).view(out.sizes()).cos().to(type).contiguous(layout));
        return in.grad();
      };
      const at::Tensor expected = gradient(at::kDouble, at::MemoryFormat::Contiguous);
      for (const auto& [type, tolerance] : {std::pair{at::kFloat, 1e-6}, {at::kBFloat16, 1e-2}, {at::kHalf, 2e-3}})
        for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          const at::Tensor got = gradient(type, layout);
          INFO(type << " side " << side << " stride " << stride);
          CHECK(got.scalar_type() == type);
          CHECK(test::deviation_of_largest(got, expected) <= tolerance);
        }
    }
}

TEST_CASE("a net without blur and its blurred twin differ in what they compute, not in their parameters", "[model]") {
  ResNet plain = net_of("resnet18"), blurred = net_of("resnet18");
  apply_blur_pool(blurred, {});
  const auto a = plain.parameters(), b = blurred.parameters();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK((a[i].name == b[i].name && at::equal(a[i].tensor, b[i].tensor)));
  const c10::NoGradGuard no_grad;
  const at::Tensor x = at::arange(2 * 3 * 32 * 32, at::kFloat).view({2, 3, 32, 32}).cos();
  CHECK(test::deviation(blurred.forward(x), plain.forward(x)) > 1e-3);
}

TEST_CASE("a blurred net goes to another type with its filters", "[model]") {
  ResNet net = net_of("resnet50");
  apply_blur_pool(net, {});
  net.to(at::kCPU, at::kDouble);
  const c10::NoGradGuard no_grad;
  CHECK(net.forward(at::ones({2, 3, 32, 32}, at::kDouble)).scalar_type() == at::kDouble);
}

TEST_CASE("each half of the surgery can be had alone, and none of it is refused", "[model]") {
  ResNet a = net_of("resnet18"), b = net_of("resnet18"), c = net_of("resnet18"), d = net_of("resnet18");
  CHECK(apply_blur_pool(a, {.replace_convs = false}) == std::vector<std::string>{"maxpool"});
  CHECK(apply_blur_pool(b, {.replace_maxpools = false}).size() == 6);
  CHECK(apply_blur_pool(c, {.replace_maxpools = false, .min_channels = 1}).front() == "conv1");
  CHECK(apply_blur_pool(d, {.replace_maxpools = false, .min_channels = 4096}).empty());
  CHECK(test::message_of([&] { apply_blur_pool(d, {.replace_convs = false, .replace_maxpools = false}); }) ==
        "blurpool: got replace_convs: false and replace_maxpools: false, expected at least one of them to be true");
}

TEST_CASE("blurred convolutions and pools compute what the reference's do, and their gradients", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  const auto path = test::golden_path("optim.safetensors");
  if (!golden || !path) return;
  const SafetensorsFile file(*path);
  for (const auto& c : golden->at("blurpool")["cases"]) {
    INFO(c);
    const auto tensor = [&](const std::string& name) {
      return test::tensor_of(file.get(c["tensors"].get<std::string>() + "." + name));
    };
    const at::Tensor x = tensor("x").requires_grad_(true);
    at::Tensor w, y;
    if (c["kind"] == "conv") {
      w = tensor("w").requires_grad_(true);
      y = Convolution{w, c["stride"], c["padding"], low_pass_filter(x.size(1), x.detach())}(x);
    } else {
      y = MaxPool{low_pass_filter(x.size(1), x.detach())}(x);
    }
    y.backward(tensor("gy"));
    CHECK(test::deviation(y, tensor("y")) <= 1e-6);
    CHECK(test::deviation(x.grad(), tensor("gx")) <= 1e-6);
    if (w.defined()) CHECK(test::deviation(w.grad(), tensor("gw")) <= 1e-6);
  }
}

TEST_CASE("the layers that the reference's surgery changes are changed", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& [name, surgery] : golden->at("blurpool")["surgery"].items()) {
    INFO(name);
    ResNet net = net_of(name);
    auto changed = apply_blur_pool(net, {});
    std::sort(changed.begin(), changed.end());
    std::vector<std::string> expected;
    for (const auto& [place, kind] : surgery["places"].items()) expected.push_back(place);
    std::sort(expected.begin(), expected.end());
    CHECK(changed == expected);
    CHECK(net.parameters().size() == surgery["params"].get<std::size_t>());
  }
}

}  // namespace
}  // namespace mosaic
