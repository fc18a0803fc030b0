// Convolutions as matrix products against LibTorch's own.
#include "model/pointwise_convolution.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <catch2/catch.hpp>
#include <tuple>

namespace mosaic {
namespace {

struct Shape {
  std::int64_t n, in, out, height, width, stride;
};

/// Distance over the length of what is expected.
double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).norm() / b.norm()).item<double>();
}

at::Tensor random_images(at::IntArrayRef sizes, at::Generator& g) {
  return at::randn(sizes, g).contiguous(at::MemoryFormat::ChannelsLast);
}

TEST_CASE("a 1x1 convolution by matrix products has the values of a convolution, forward and backward", "[model]") {
  at::Generator g = at::make_generator<at::CPUGeneratorImpl>(5);
  const Shape shapes[] = {{3, 8, 16, 7, 7, 1},    {2, 16, 8, 13, 20, 1}, {2, 5, 3, 1, 1, 1},     {1, 1, 1, 4, 4, 1},
                          {3, 8, 16, 7, 7, 2},    {2, 16, 40, 8, 6, 2},  {2, 7, 5, 9, 4, 3},     {4, 6, 9, 1, 1, 2},
                          {2, 130, 140, 5, 5, 1}, {2, 130, 7, 14, 3, 2}, {1, 64, 256, 11, 11, 1}};
  for (const auto& [n, in, out, height, width, stride] : shapes)
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      CAPTURE(n, in, out, height, width, stride, type);
      const at::Tensor x = random_images({n, in, height, width}, g).to(type);
      const at::Tensor weight = random_images({out, in, 1, 1}, g).to(type);
      const at::Tensor y = at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), {}, {stride, stride});
      const at::Tensor dy = random_images(y.sizes(), g).to(type);
      const auto [dx, dw, bias] =
          at::convolution_backward(dy.to(at::kDouble), x.to(at::kDouble), weight.to(at::kDouble), std::nullopt,
                                   {stride, stride}, {0, 0}, {1, 1}, false, {0, 0}, 1, {true, true, false});

      REQUIRE(PointwiseConvolution::can_take(weight, 0));
      const PointwiseConvolution mine{weight, stride};
      const at::Tensor got = mine.forward(x), got_dx = mine.input_gradient(dy, height, width),
                       got_dw = mine.weight_gradient(dy, x);
      const double rounding = type == at::kFloat ? 1e-6 : 5e-3;
      for (const auto& [result, expected] : {std::pair{got, y}, {got_dx, dx}, {got_dw, dw}}) {
        REQUIRE(result.sizes() == expected.sizes());
        CHECK(result.scalar_type() == type);
        CHECK(result.is_contiguous(at::MemoryFormat::ChannelsLast));
        CHECK(distance(result, expected) <= rounding);
      }
    }
}

TEST_CASE("convolutions that look at more than one pixel, or beyond the border, are not matrix products", "[model]") {
  CHECK_FALSE(PointwiseConvolution::can_take(at::zeros({4, 4, 3, 3}), 1));
  CHECK_FALSE(PointwiseConvolution::can_take(at::zeros({4, 4, 1, 3}), 0));
  CHECK_FALSE(PointwiseConvolution::can_take(at::zeros({4, 4, 1, 1}), 1));
}

}  // namespace
}  // namespace mosaic
