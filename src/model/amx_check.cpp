#include "model/amx_check.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/error.h"
#include "model/amx_convolution.h"

namespace mosaic {
namespace {

struct Shape {
  std::int64_t n, in, out, height, width, side, stride;
};

/// A single pixel; odd numbers, blocks that the last pixels do not fill; strides; several blocks and pieces.
constexpr Shape kShapes[] = {{1, 32, 32, 1, 1, 1, 1},  {1, 32, 32, 1, 1, 3, 1},  {3, 64, 32, 5, 7, 1, 1},
                             {2, 32, 64, 9, 6, 1, 2},  {2, 64, 32, 8, 5, 1, 3},  {5, 32, 64, 5, 3, 3, 1},
                             {3, 64, 96, 11, 9, 3, 1}, {2, 160, 64, 13, 8, 1, 1}};

/// How far a result may be from the exact one, as a share of the largest value: bfloat16 has 8 bits, sums are float32.
constexpr double kBfloat16Tolerance = 4e-3, kFloat32Tolerance = 1e-5;

}  // namespace

std::vector<std::string> disagreements(const AmxKernels& kernels) {
  const c10::NoGradGuard no_grad;
  std::vector<std::string> found;
  at::Generator random = at::detail::createCPUGenerator(17);
  const auto images = [&](at::IntArrayRef sizes) {
    return at::randn(sizes, random).to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  };
  for (const Shape& s : kShapes) {
    const std::int64_t padding = s.side / 2;
    const at::Tensor x = images({s.n, s.in, s.height, s.width}), weight = images({s.out, s.in, s.side, s.side});
    const at::Tensor exact_x = x.to(at::kDouble), exact_weight = weight.to(at::kDouble);
    const at::Tensor y = at::conv2d(exact_x, exact_weight, {}, {s.stride, s.stride}, {padding, padding});
    const at::Tensor dy = images(y.sizes());
    const auto [dx, dw, bias] =
        at::convolution_backward(dy.to(at::kDouble), exact_x, exact_weight, std::nullopt, {s.stride, s.stride},
                                 {padding, padding}, {1, 1}, false, {0, 0}, 1, {true, true, false});

    const auto compare = [&](const char* what, const at::Tensor& result, const at::Tensor& exact, double tolerance) {
      const double share = ((result.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
      if (share <= tolerance) return;  // a NaN is not
      found.push_back(str(s.side, "x", s.side, " convolution, stride ", s.stride, ", ", what, ", on ", s.n, " x ", s.in,
                          " x ", s.height, " x ", s.width, " with ", s.out, " channels of output: differs by ", share,
                          " of the largest value, expected at most ", tolerance));
    };
    const AmxConvolution mine{kernels, weight, s.stride};
    compare("forward", mine.forward(x), y, kBfloat16Tolerance);
    compare("input's gradient", mine.input_gradient(dy, s.height, s.width), dx, kBfloat16Tolerance);
    compare("weight's gradient", mine.weight_gradient(dy, x), dw, kFloat32Tolerance);
  }
  return found;
}

}  // namespace mosaic
