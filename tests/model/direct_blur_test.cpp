// The low pass by kernels of our own: against the convolution that defines it, and every instruction set's against the
// others.
#include "model/direct_blur.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstring>
#include <vector>

#include "catch.h"
#include "golden_tensors.h"
#include "model/blur_kernels.h"
#include "model/blur_pool.h"

namespace mosaic {
namespace {

constexpr auto kLayout = at::MemoryFormat::ChannelsLast;

struct Shape {
  std::int64_t n, channels, height, width;
};

const std::vector<Shape> kShapes = {
    {1, 1, 1, 1},  {2, 3, 1, 5},  {2, 5, 4, 1},    {3, 7, 2, 2},   {2, 16, 3, 3},    {1, 17, 8, 7},    {2, 31, 7, 8},
    {2, 33, 5, 6}, {1, 64, 9, 9}, {4, 64, 14, 14}, {1, 100, 6, 3}, {2, 130, 11, 10}, {1, 256, 22, 22},
};

at::Tensor random(at::IntArrayRef sizes) {
  at::Generator g = at::detail::createCPUGenerator(static_cast<std::uint64_t>(sizes[1] + 1000 * sizes[2] + sizes[3]));
  return at::randn(sizes, g).contiguous(kLayout);
}

TEST_CASE("a blur by the kernel and its gradient are the convolution's", "[model]") {
  for (const Shape& s : kShapes)
    for (const std::int64_t stride : {1, 2})
      for (const auto& [type, tolerance] : {std::pair{at::kFloat, 3e-7}, {at::kBFloat16, 4e-3}}) {
        INFO(type << " " << s.n << " x " << s.channels << " x " << s.height << " x " << s.width << ", stride "
                  << stride);
        const at::Tensor x = random({s.n, s.channels, s.height, s.width}).to(type);
        const at::Tensor exact_x = x.to(at::kDouble).requires_grad_(true);
        const at::Tensor exact = low_pass(exact_x, low_pass_filter(s.channels, exact_x.detach()), stride);
        const at::Tensor dy = random(exact.sizes()).to(type);
        exact.backward(dy.to(at::kDouble));

        const at::Tensor leaf = x.clone().requires_grad_(true);
        const at::Tensor y = direct_low_pass(leaf, stride);
        y.backward(dy);
        CHECK(y.scalar_type() == type);
        CHECK(y.is_contiguous(kLayout));
        CHECK(test::deviation_of_largest(y, exact) <= tolerance);
        CHECK(test::deviation_of_largest(leaf.grad(), exact_x.grad()) <= tolerance);
      }
}

TEST_CASE("blurring backward is the adjoint of blurring: the same inner product", "[model]") {
  for (const Shape& s : kShapes)
    for (const std::int64_t stride : {1, 2}) {
      // Small whole numbers: no sum rounds, so that the two products are the same number.
      const at::Tensor x = (random({s.n, s.channels, s.height, s.width}) * 4).round();
      const at::Tensor y = blur(x, stride);
      const at::Tensor dy = (random(y.sizes()) * 4).round();
      const at::Tensor dx = blur_backward(dy, s.height, s.width, stride);
      CHECK((y.to(at::kDouble) * dy).sum().item<double>() == (dx.to(at::kDouble) * x).sum().item<double>());
    }
}

TEST_CASE("what is infinite spoils its neighbours alone: beyond the border there is nothing", "[model]") {
  at::Tensor x = at::zeros({1, 20, 4, 6}).contiguous(kLayout);
  x[0].select(1, 0).select(1, 5).fill_(INFINITY);
  for (const std::int64_t stride : {1, 2}) {
    const at::Tensor y = blur(x, stride);
    CHECK_FALSE(y.isnan().any().item<bool>());
    CHECK(y.isinf().sum().item<std::int64_t>() == (stride == 1 ? 4 * 20 : 20));
    CHECK_FALSE(blur_backward(x, 4 * stride, 6 * stride, stride).isnan().any().item<bool>());
  }
}

template <class T>
void check_bits(at::ScalarType type) {
  const auto bytes_of = [](const BlurKernels<T>& k, const Shape& s, const at::Tensor& x) {
    const BlurSize size{s.height, s.width, s.channels};
    const std::int64_t values = x.numel();
    std::vector<T> all(static_cast<std::size_t>(3 * values));
    const T* from = static_cast<const T*>(x.const_data_ptr());
    const std::int64_t rows = s.n * s.height, half_rows = s.n * ((s.height + 1) / 2);
    // In two ranges, as threads do it.
    for (const RowRange& r : {RowRange{0, rows / 3}, RowRange{rows / 3, rows - rows / 3}}) {
      k.forward(from, size, r, all.data());
      k.backward_halving(from, size, r, all.data() + values);
    }
    for (const RowRange& r : {RowRange{0, half_rows / 3}, RowRange{half_rows / 3, half_rows - half_rows / 3}})
      k.forward_halving(from, size, r, all.data() + 2 * values);
    return all;
  };
  for (const Shape& s : kShapes) {
    INFO(s.n << " x " << s.channels << " x " << s.height << " x " << s.width);
    const at::Tensor x = random({s.n, s.channels, s.height, s.width}).to(type);
    const auto expected = bytes_of(blur_kernels<T>(InstructionSet::kPortable), s, x);
    for (const auto set : {InstructionSet::kAvx2, InstructionSet::kAvx512}) {
      if (set > best_instruction_set()) continue;
      const auto got = bytes_of(blur_kernels<T>(set), s, x);
      CHECK(std::memcmp(got.data(), expected.data(), got.size() * sizeof(T)) == 0);
    }
  }
}

TEST_CASE("blur kernels of all instruction sets have the same bits", "[model]") {
  SECTION("float32") { check_bits<float>(at::kFloat); }
  SECTION("bfloat16") { check_bits<Bfloat16Bits>(at::kBFloat16); }
}

}  // namespace
}  // namespace mosaic
