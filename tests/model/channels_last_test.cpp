#include "model/channels_last.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "catch.h"
#include "golden_tensors.h"
#include "model/blur_pool.h"

namespace mosaic {
namespace {

ResNet net_of(const std::string& name) {
  return ResNet({.name = name, .num_classes = 10}, at::detail::createCPUGenerator(17));
}

TEST_CASE("channels-last keeps the parameters' identity and values, and lays out the convolutions anew", "[model]") {
  ResNet net = net_of("resnet18");
  const auto before = net.parameters();
  use_channels_last(net);
  const auto after = net.parameters(), expected = net_of("resnet18").parameters();
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(after[i].tensor.is_same(before[i].tensor));
    CHECK(after[i].tensor.requires_grad());
    CHECK(at::equal(after[i].tensor, expected[i].tensor));
    if (after[i].tensor.dim() == 4) CHECK(after[i].tensor.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
  CHECK_FALSE(after[0].tensor.is_contiguous());
  net.to(at::kCPU, at::kDouble);
  CHECK(net.parameters()[0].tensor.is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST_CASE("in channels-last a net computes what it computed before, with and without blur", "[model]") {
  for (const bool blur : {false, true}) {
    ResNet rows = net_of("resnet18"), channels = net_of("resnet18");
    if (blur) {
      apply_blur_pool(rows, {});
      apply_blur_pool(channels, {});
    }
    rows.to(at::kCPU, at::kDouble);
    channels.to(at::kCPU, at::kDouble);
    use_channels_last(channels);
    const at::Tensor x = at::arange(4 * 3 * 32 * 32, at::kDouble).view({4, 3, 32, 32}).cos();
    const at::Tensor a = rows.forward(x), b = channels.forward(x);
    CHECK(test::deviation(b, a) <= 1e-10);
    a.sum().backward();
    b.sum().backward();
    const auto p = rows.parameters(), q = channels.parameters();
    for (std::size_t i = 0; i < p.size(); ++i) {
      INFO(p[i].name);
      CHECK(test::deviation_of_largest(q[i].tensor.grad(), p[i].tensor.grad()) <= 1e-7);
    }
  }
}

}  // namespace
}  // namespace mosaic
