#include "device/autocast.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <stdexcept>

#include "catch.h"

namespace mosaic {
namespace {

at::ScalarType type_of_convolution(const at::Tensor& weight) {
  return at::conv2d(at::ones({1, 2, 4, 4}), weight).scalar_type();
}

TEST_CASE("under the guard convolutions compute in bfloat16, losses in float32, and gradients are the weights' type",
          "[device]") {
  const at::Tensor weight = at::full({3, 2, 3, 3}, 0.1f).requires_grad_(true);
  at::Tensor loss;
  {
    const Autocast autocast(at::kCPU, at::kBFloat16);
    const at::Tensor y = at::conv2d(at::ones({2, 2, 4, 4}), weight);
    CHECK(y.scalar_type() == at::kBFloat16);
    loss = at::binary_cross_entropy_with_logits(y.to(at::kFloat), at::ones_like(y, at::kFloat));
    CHECK(loss.scalar_type() == at::kFloat);
  }
  loss.backward();
  CHECK(weight.grad().scalar_type() == at::kFloat);
  CHECK(type_of_convolution(weight) == at::kFloat);
}

TEST_CASE("guards put back what they found, nested and where an exception passes", "[device]") {
  const at::Tensor weight = at::ones({3, 2, 3, 3});
  {
    const Autocast outer(at::kCPU, at::kBFloat16);
    {
      const Autocast inner(at::kCPU, at::kHalf);
      CHECK(at::autocast::get_autocast_dtype(at::kCPU) == at::kHalf);
    }
    CHECK(type_of_convolution(weight) == at::kBFloat16);
    try {
      const Autocast inner(at::kCPU, at::kHalf);
      throw std::runtime_error("out of memory");
    } catch (const std::runtime_error&) {
    }
    CHECK(type_of_convolution(weight) == at::kBFloat16);
  }
  CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  CHECK(type_of_convolution(weight) == at::kFloat);
}

TEST_CASE("a guard without a type changes nothing", "[device]") {
  const Autocast autocast(at::kCPU, std::nullopt);
  CHECK(type_of_convolution(at::ones({3, 2, 3, 3})) == at::kFloat);
}

TEST_CASE("a guard after a change of the weights sees the new ones", "[device]") {
  const at::Tensor weight = at::ones({1, 1, 1, 1}).requires_grad_(true);
  const auto output = [&] {
    const Autocast autocast(at::kCPU, at::kBFloat16);
    return at::conv2d(at::ones({1, 1, 1, 1}), weight).item<float>();
  };
  CHECK(output() == 1);
  {
    const c10::NoGradGuard no_grad;
    weight.fill_(2);
  }
  CHECK(output() == 2);
}

}  // namespace
}  // namespace mosaic
