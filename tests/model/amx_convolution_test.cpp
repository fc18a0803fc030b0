// Convolutions by the kernels for AMX, over imitated tiles, against LibTorch's in float64.
#include "model/amx_convolution.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "catch.h"
#include "model/amx_check.h"
#include "model/emulated_amx.h"

namespace mosaic {
namespace {

struct Shape {
  std::int64_t n, in, out, height, width, side, stride;
};

const std::vector<Shape> kShapes = {
    {2, 64, 64, 11, 11, 1, 1},    // a ResNet-50's, on smaller images: first stage
    {2, 64, 256, 11, 11, 1, 1},   //
    {2, 64, 64, 11, 11, 3, 1},    //
    {2, 256, 64, 8, 8, 1, 1},     //
    {2, 256, 512, 11, 11, 1, 2},  // second stage, its shortcut
    {2, 128, 128, 6, 6, 3, 1},    //
    {1, 256, 256, 5, 5, 3, 1},    // third: more columns than a core's cache takes at once
    {1, 512, 1024, 4, 4, 1, 2},   //
    {1, 2048, 512, 3, 3, 1, 1},   // fourth
    {1, 512, 512, 3, 3, 3, 1},    //
    {1, 32, 32, 1, 1, 1, 1},      // a single pixel
    {1, 32, 32, 1, 1, 3, 1},      //
    {9, 32, 64, 1, 1, 3, 1},      // images of one pixel
    {5, 64, 32, 1, 1, 1, 2},      //
    {3, 32, 32, 1, 7, 3, 1},      // a line, a column
    {3, 32, 32, 7, 1, 3, 1},      //
    {3, 96, 160, 7, 5, 1, 1},     // oblong; channels that can be halved once or never
    {3, 160, 96, 5, 9, 3, 1},     //
    {2, 32, 96, 9, 6, 1, 2},      // strides, sides odd and even
    {2, 96, 32, 6, 11, 1, 2},     //
    {2, 32, 32, 8, 10, 1, 3},     //
    {1, 32, 32, 4, 8, 1, 1},      // one block of rows, no more
    {1, 32, 32, 3, 11, 1, 1},     // and one pixel more
    {3, 64, 32, 40, 33, 3, 1},    // several pieces
    {13, 32, 64, 20, 21, 1, 1},   //
};

struct Case {
  Shape shape;
  at::Tensor x, weight, dy;

  explicit Case(const Shape& s) : shape(s) {
    at::Generator g = at::make_generator<at::CPUGeneratorImpl>(5);
    const auto images = [&](at::IntArrayRef sizes) {
      return at::randn(sizes, g).to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
    };
    x = images({s.n, s.in, s.height, s.width});
    weight = images({s.out, s.in, s.side, s.side});
    dy = images({s.n, s.out, (s.height - 1) / s.stride + 1, (s.width - 1) / s.stride + 1});
  }

  std::int64_t padding() const { return shape.side / 2; }
};

struct Results {
  at::Tensor y, dx, dw;
};

Results exact(const Case& c) {
  const std::int64_t s = c.shape.stride, p = c.padding();
  const at::Tensor x = c.x.to(at::kDouble), weight = c.weight.to(at::kDouble);
  const auto [dx, dw, bias] = at::convolution_backward(c.dy.to(at::kDouble), x, weight, std::nullopt, {s, s}, {p, p},
                                                       {1, 1}, false, {0, 0}, 1, {true, true, false});
  return {at::conv2d(x, weight, {}, {s, s}, {p, p}), dx, dw};
}

Results by(const AmxKernels& kernels, const Case& c) {
  REQUIRE(AmxConvolution::can_take(c.x, c.weight, c.shape.stride, c.padding()));
  const AmxConvolution conv{kernels, c.weight, c.shape.stride};
  return {conv.forward(c.x), conv.input_gradient(c.dy, c.shape.height, c.shape.width), conv.weight_gradient(c.dy, c.x)};
}

/// The largest difference as a share of the largest value.
double deviation(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).abs().max() / b.abs().max()).item<double>();
}

std::vector<const AmxKernels*> all_kernels() {
  std::vector<const AmxKernels*> all = {&test::emulated_amx()};
  if (const AmxKernels* more = test::emulated_amx_avx512()) all.push_back(more);
  if (const AmxKernels* more = amx_kernels()) all.push_back(more);
  return all;
}

TEST_CASE("a convolution by AMX has the values of a convolution, forward and backward", "[model]") {
  for (const Shape& s : kShapes) {
    const Case c(s);
    const Results expected = exact(c);
    for (const AmxKernels* kernels : all_kernels()) {
      CAPTURE(s.n, s.in, s.out, s.height, s.width, s.side, s.stride, kernels == &test::emulated_amx());
      const Results got = by(*kernels, c);
      for (const auto& [result, right] : {std::pair{got.y, expected.y}, {got.dx, expected.dx}, {got.dw, expected.dw}}) {
        REQUIRE(result.sizes() == right.sizes());
        CHECK(result.is_contiguous(at::MemoryFormat::ChannelsLast));
      }
      CHECK(got.y.scalar_type() == at::kBFloat16);
      CHECK(got.dx.scalar_type() == at::kBFloat16);
      CHECK(got.dw.scalar_type() == at::kFloat);
      CHECK(deviation(got.y, expected.y) <= 4e-3);  // bfloat16 has 8 bits
      CHECK(deviation(got.dx, expected.dx) <= 4e-3);
      CHECK(deviation(got.dw, expected.dw) <= 4e-6);
    }
  }
}

TEST_CASE("convolutions by AMX do not depend on the number of threads", "[model]") {
  const int threads = at::get_num_threads();
  for (const Shape& s :
       {Shape{3, 64, 64, 40, 33, 3, 1}, Shape{2, 256, 128, 7, 9, 3, 1}, Shape{7, 64, 256, 20, 21, 1, 1},
        Shape{3, 512, 256, 9, 9, 1, 2}, Shape{1, 512, 256, 7, 7, 1, 1}}) {
    CAPTURE(s.in, s.out, s.side, s.stride);
    const Case c(s);
    std::vector<Results> results;
    for (const int number : {1, 2, 5, 16}) {
      at::set_num_threads(number);
      results.push_back(by(test::emulated_amx(), c));
    }
    at::set_num_threads(threads);
    for (const Results& r : results) {
      CHECK(at::equal(r.y, results[0].y));
      CHECK(at::equal(r.dx, results[0].dx));
      CHECK(at::equal(r.dw, results[0].dw));
    }
  }
}

TEST_CASE("a weight's gradient goes on where its last piece of rows has ended", "[model]") {
  static std::atomic<int> continued;
  static const AmxKernels* counted;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // more would take fewer channels and more rows at a time
  for (const auto& [shape, pieces] : {std::pair{Shape{9, 32, 32, 64, 64, 1, 1}, 64},  // 64 parts of 512 and 64 rows
                                      std::pair{Shape{1, 1024, 32, 33, 33, 3, 1}, 5}}) {
    const Case c(shape);
    const at::Tensor expected = exact(c).dw;
    for (const AmxKernels* kernels : all_kernels()) {
      CAPTURE(shape.side, kernels == &test::emulated_amx());
      counted = kernels;
      continued = 0;
      AmxKernels counting = *kernels;
      counting.add_gradient = [](const AmxGradient& g) {
        if (!g.first) ++continued;
        counted->add_gradient(g);
      };
      const at::Tensor dw = AmxConvolution{counting, c.weight}.weight_gradient(c.dy, c.x);
      CHECK(deviation(dw, expected) <= 4e-6);
      CHECK(continued == pieces);
    }
  }
  at::set_num_threads(threads);
}

TEST_CASE("a NaN or infinity in an image stays what it is, in the pixels that see it", "[model]") {
  for (const AmxKernels* kernels : all_kernels())
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Case c({2, 32, 32, 5, 6, 3, 1});
      c.x[1][7][0][5] = value;  // in a corner: three neighbours
      const at::Tensor y = AmxConvolution{*kernels, c.weight, 1}.forward(c.x);
      const at::Tensor finite = y.isfinite().all(1);
      CHECK(finite.logical_not().sum().item<std::int64_t>() == 4);
      CHECK(finite[0].all().item<bool>());
      CHECK(y[1].select(1, 1).select(1, 4).isnan().all().item<bool>() == std::isnan(value));
    }
}

TEST_CASE("an image too large for the caches is written past them with the same values", "[model]") {
  const std::int64_t n = 3, height = 105, width = 110;  // times 256 channels: 17 MiB
  const Case wide_y({n, 32, 256, height, width, 1, 1}), wide_x({n, 256, 32, height, width, 1, 1});
  const auto image = [](const at::Tensor& images, std::int64_t i) {
    return images.narrow(0, i, 1).contiguous(at::MemoryFormat::ChannelsLast);
  };
  static std::atomic<int> past_caches;
  static const AmxKernels* counted;
  for (const AmxKernels* kernels : all_kernels()) {
    counted = kernels;
    past_caches = 0;
    AmxKernels counting = *kernels;
    counting.multiply = [](const AmxProduct& p) {
      if (p.past_caches) ++past_caches;
      counted->multiply(p);
    };
    const AmxConvolution forward{counting, wide_y.weight}, backward{counting, wide_x.weight};
    const at::Tensor y = forward.forward(wide_y.x);
    CHECK(past_caches.exchange(0) > 0);
    const at::Tensor dx = backward.input_gradient(wide_x.dy, height, width);
    CHECK(past_caches.exchange(0) > 0);
    for (std::int64_t i = 0; i < n; ++i) {
      CHECK(at::equal(y.narrow(0, i, 1), forward.forward(image(wide_y.x, i))));
      CHECK(at::equal(dx.narrow(0, i, 1), backward.input_gradient(image(wide_x.dy, i), height, width)));
    }
    CHECK(past_caches == 0);
  }
}

TEST_CASE("what AMX's kernels cannot take is left to others", "[model]") {
  const auto takes = [](at::IntArrayRef x, at::IntArrayRef weight, std::int64_t stride, std::int64_t padding,
                        at::ScalarType type = at::kBFloat16) {
    return AmxConvolution::can_take(at::zeros(x, type), at::zeros(weight, type), stride, padding);
  };
  CHECK(takes({1, 32, 4, 4}, {64, 32, 3, 3}, 1, 1));
  CHECK(takes({1, 32, 4, 4}, {64, 32, 1, 1}, 2, 0));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 3, 3}, 2, 1));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 3, 3}, 1, 0));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 1, 1}, 1, 1));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 7, 7}, 1, 3));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 1, 3}, 1, 0));
  CHECK_FALSE(takes({1, 48, 4, 4}, {64, 48, 1, 1}, 1, 0));
  CHECK_FALSE(takes({1, 32, 4, 4}, {16, 32, 1, 1}, 1, 0));
  CHECK_FALSE(takes({0, 32, 4, 4}, {64, 32, 1, 1}, 1, 0));
  CHECK_FALSE(takes({1, 32, 4, 4}, {64, 32, 1, 1}, 1, 0, at::kFloat));
}

TEST_CASE("the check before a run finds no fault in these kernels, and names one that it finds", "[model]") {
  for (const AmxKernels* kernels : all_kernels()) CHECK(disagreements(*kernels).empty());

  const auto check_finds = [](const AmxKernels& wrong, const std::string& result, const std::string& expected) {
    const auto found = disagreements(wrong);
    CAPTURE(result);
    CHECK(!found.empty());
    for (const std::string& line : found) {
      INFO(line);
      CHECK(line.find(result) != std::string::npos);
      CHECK(line.find(expected) != std::string::npos);
    }
  };
  AmxKernels wrong = test::emulated_amx();
  wrong.sum_parts = [](const AmxParts& parts) {
    test::emulated_amx().sum_parts(parts);
    *parts.gradient *= 1.5f;
  };
  check_finds(wrong, "weight's gradient", "expected at most");

  wrong = test::emulated_amx();
  wrong.multiply = [](const AmxProduct& p) {
    test::emulated_amx().multiply(p);
    if (p.past_caches) p.y[p.rows - 1][p.first_column] ^= 1;
  };
  check_finds(wrong, "past the caches", "1 of 6144 values differ, expected the same");

  wrong = test::emulated_amx();
  wrong.add_gradient = [](const AmxGradient& g) {
    AmxGradient forgetful = g;
    forgetful.first = true;
    test::emulated_amx().add_gradient(forgetful);
  };
  check_finds(wrong, "in several", "expected the same");

  wrong = test::emulated_amx();
  wrong.multiply = [](const AmxProduct& p) {
    AmxProduct of_first_columns = p;
    of_first_columns.first_column = 0;
    test::emulated_amx().multiply(of_first_columns);
  };
  CHECK(!disagreements(wrong).empty());
}

TEST_CASE("ONEDNN_MAX_CPU_ISA forbids AMX by the name of an instruction set without it", "[model]") {
  for (const char* name :
       {"SSE41", "AVX", "AVX2", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_BF16", "avx512_core_fp16", "AVX10_1_512"})
    CHECK_FALSE(allows_amx(name));
  for (const char* name : {"", "DEFAULT", "ALL", "all", "AVX512_CORE_AMX", "avx512_core_amx_fp16", "AVX10_1_512_AMX",
                           "a name that oneDNN does not know"})
    CHECK(allows_amx(name));
}

}  // namespace
}  // namespace mosaic
