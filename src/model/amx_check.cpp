#include "model/amx_check.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "model/amx_convolution.h"

namespace mosaic {
namespace {

struct Shape {
  std::int64_t n, in, out, height, width, side, stride;
};

/// A single pixel; odd numbers, blocks that the last pixels do not fill; strides; several blocks and pieces; more columns
/// than are computed at once.
constexpr Shape kShapes[] = {{1, 32, 32, 1, 1, 1, 1},  {1, 32, 32, 1, 1, 3, 1},   {3, 64, 32, 5, 7, 1, 1},
                             {2, 32, 64, 9, 6, 1, 2},  {2, 64, 32, 8, 5, 1, 3},   {5, 32, 64, 5, 3, 3, 1},
                             {3, 64, 96, 11, 9, 3, 1}, {2, 160, 64, 13, 8, 1, 1}, {1, 256, 256, 3, 3, 3, 1}};

/// How far a result may be from the exact one, as a share of the largest value: bfloat16 has 8 bits, sums are float32.
constexpr double kBfloat16Tolerance = 4e-3, kFloat32Tolerance = 1e-5;

const Bfloat16Bits* read(const at::Tensor& x) { return static_cast<const Bfloat16Bits*>(x.const_data_ptr()); }
Bfloat16Bits* write(const at::Tensor& x) { return static_cast<Bfloat16Bits*>(x.mutable_data_ptr()); }

/// The rows of a matrix.
template <class T>
std::vector<T*> rows_of(T* first, std::int64_t number, std::int64_t values) {
  std::vector<T*> rows;
  for (std::int64_t i = 0; i < number; ++i) rows.push_back(first + i * values);
  return rows;
}

// What only large images bring about: the same bits are asked for in both ways.
constexpr std::int64_t kChannels = 64, kRows = 96;

/// @param x  (kRows, kChannels), bfloat16
at::Tensor product(const AmxKernels& kernels, const at::Tensor& x, const at::Tensor& packed, bool past_caches) {
  const at::Tensor y = at::zeros_like(x);
  const auto y_rows = rows_of(write(y), kRows, kChannels);
  const std::int64_t offset = 0;
  kernels.multiply({.a = read(x),
                    .depth = kChannels,
                    .rows = kRows,
                    .tap_offsets = &offset,
                    .taps = 1,
                    .packed = read(packed),
                    .columns = kChannels,
                    .y = y_rows.data(),
                    .rows_ahead = kRows,
                    .past_caches = past_caches});
  return y;
}

/// @param piece  rows that are added at a time
at::Tensor gradient_sums(const AmxKernels& kernels, const at::Tensor& dy, const at::Tensor& x, std::int64_t piece) {
  const auto dy_rows = rows_of(read(dy), kRows, kChannels), x_rows = rows_of(read(x), kRows, kChannels);
  const at::Tensor sums = at::zeros({kChannels, kChannels}, at::kFloat);
  const std::int64_t offset = 0;
  AmxGradient g{.rows = piece,
                .out = kChannels,
                .in = kChannels,
                .tap_offsets = &offset,
                .taps = 1,
                .sums = sums.mutable_data_ptr<float>(),
                .in_blocks = kChannels / kAmxBlock};
  const at::Tensor scratch = at::empty({amx_gradient_scratch(g)}, x.options());
  g.scratch = write(scratch);
  for (std::int64_t row = 0; row < kRows; row += piece) {
    g.dy = dy_rows.data() + row;
    g.x = x_rows.data() + row;
    g.first = row == 0;
    kernels.add_gradient(g);
  }
  return sums;
}

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

  const auto matrix = [&](std::int64_t rows) { return at::randn({rows, kChannels}, random).to(at::kBFloat16); };
  const at::Tensor x = matrix(kRows), dy = matrix(kRows), weight = matrix(kChannels), packed = at::empty_like(weight);
  for (std::int64_t column = 0; column < kChannels; column += kAmxBlock)
    kernels.pack_forward({read(weight), kChannels, 1, kChannels}, column, write(packed));
  const auto compare_bits = [&](const char* what, const at::Tensor& one, const at::Tensor& other) {
    const auto differing = one.ne(other).sum().item<std::int64_t>();  // a NaN does
    if (differing > 0)
      found.push_back(str(what, ", ", kRows, " rows of ", kChannels, " channels: ", differing, " of ", one.numel(),
                          " values differ, expected the same"));
  };
  compare_bits("product written past the caches, and into them", product(kernels, x, packed, true),
               product(kernels, x, packed, false));
  compare_bits("weight's gradient in one piece, and in several", gradient_sums(kernels, dy, x, kRows),
               gradient_sums(kernels, dy, x, kAmxBlock));
  return found;
}

}  // namespace mosaic
