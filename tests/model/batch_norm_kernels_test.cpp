// The kernels of every instruction set that this processor has: against plain loops in double, and against each other.
#include "model/batch_norm_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "base/random.h"
#include "catch.h"

namespace mosaic {
namespace {

template <class T>
float value(T stored) {
  if constexpr (std::is_same_v<T, float>)
    return stored;
  else
    return std::bit_cast<float>(static_cast<std::uint32_t>(stored) << 16);
}

template <class T>
T stored(float v) {
  if constexpr (std::is_same_v<T, float>)
    return v;
  else
    return static_cast<Bfloat16Bits>(std::bit_cast<std::uint32_t>(v) >> 16);
}

/// Inputs and outputs of all kernels for one size, and the outputs' bytes.
template <class T>
struct Case {
  std::int64_t rows, channels;
  std::vector<T> x, r, dy, dy2;
  std::vector<float> mean, scale, bias, slope, offset, keep;
  std::vector<T> relu_y, add_y, norm_y, relu_dx, g, dx;
  std::vector<float> sums[10];

  Case(std::int64_t rows_, std::int64_t channels_) : rows(rows_), channels(channels_) {
    KeyedRandom random{17, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(channels)};
    const auto image = [&] {
      std::vector<T> v(static_cast<std::size_t>(rows * channels));
      for (T& e : v) e = stored<T>(4 * random.uniform_float() - 2);
      return v;
    };
    const auto parameter = [&] {
      std::vector<float> v(static_cast<std::size_t>(channels));
      for (float& e : v) e = 2 * random.uniform_float() - 1;
      return v;
    };
    x = image(), r = image(), dy = image(), dy2 = image();
    mean = parameter(), scale = parameter(), bias = parameter(), slope = parameter(), offset = parameter();
    for (std::int64_t row = 0; row < rows; ++row) keep.push_back(row % 3 == 0 ? 0 : 1);
  }

  Normalisation norm() const { return {mean.data(), scale.data(), bias.data()}; }
  Normalisation second() const { return {bias.data(), slope.data(), mean.data()}; }
  InputGradient gradient() const { return {mean.data(), scale.data(), slope.data(), offset.data()}; }
  KeepRows kept() const { return {keep.data(), 1, 0}; }

  void run(const BatchNormKernels<T>& k) {
    const auto n = static_cast<std::size_t>(rows * channels);
    for (auto* v : {&relu_y, &add_y, &norm_y, &relu_dx, &g, &dx}) v->assign(n, T{});
    for (auto& s : sums) s.assign(static_cast<std::size_t>(channels), 99);
    k.statistics(x.data(), rows, channels, bias.data(), sums[0].data(), sums[1].data());
    k.relu_forward(x.data(), rows, channels, norm(), relu_y.data());
    k.add_relu_forward(x.data(), rows, channels, norm(), {}, {r.data(), {}}, add_y.data());
    k.add_relu_forward(x.data(), rows, channels, norm(), kept(), {r.data(), second()}, norm_y.data());
    k.relu_sums(x.data(), dy.data(), rows, channels, norm(), {sums[2].data(), sums[3].data()});
    k.relu_backward(x.data(), dy.data(), rows, channels, norm(), gradient(), relu_dx.data());
    k.add_relu_sums(x.data(), add_y.data(), dy.data(), nullptr, rows, channels, mean.data(), {}, {r.data(), {}},
                    g.data(), {sums[4].data(), sums[5].data()}, {});
    k.add_relu_sums(x.data(), norm_y.data(), dy.data(), dy2.data(), rows, channels, mean.data(), kept(),
                    {r.data(), second()}, g.data(), {sums[6].data(), sums[7].data()}, {sums[8].data(), sums[9].data()});
    k.backward(x.data(), g.data(), rows, channels, kept(), gradient(), dx.data());
  }

  bool same_bits(const Case& other) const {
    const auto same = [](const auto& a, const auto& b) {
      return std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
    };
    for (int i = 0; i < 10; ++i)
      if (!same(sums[i], other.sums[i])) return false;
    return same(relu_y, other.relu_y) && same(add_y, other.add_y) && same(norm_y, other.norm_y) &&
           same(relu_dx, other.relu_dx) && same(g, other.g) && same(dx, other.dx);
  }
};

/// Largest difference between what `c` has computed and loops in double; of sums, relative to what is summed up.
template <class T>
double error_of(const Case<T>& c) {
  double worst = 0;
  const auto compare = [&](double mine, double expected, double size = 0) {
    worst = std::max(worst, std::abs(mine - expected) / std::max({1.0, std::abs(expected), size}));
  };
  for (std::int64_t ch = 0; ch < c.channels; ++ch) {
    double sums[10] = {}, sizes[10] = {};
    const auto add = [&](int which, double v) { sums[which] += v, sizes[which] += std::abs(v); };
    for (std::int64_t row = 0; row < c.rows; ++row) {
      const std::int64_t i = row * c.channels + ch;
      const double x = value(c.x[i]), r = value(c.r[i]), dy = value(c.dy[i]), dy2 = value(c.dy2[i]);
      const double mean = c.mean[ch], scale = c.scale[ch], bias = c.bias[ch], slope = c.slope[ch], keep = c.keep[row];
      add(0, x - bias);
      add(1, (x - bias) * (x - bias));
      const double z = (x - mean) * scale + bias;
      compare(value(c.relu_y[i]), std::max(z, 0.0));
      compare(value(c.add_y[i]), std::max(z + r, 0.0));
      const double sum = keep * z + (r - bias) * slope + mean;
      compare(value(c.norm_y[i]), std::max(sum, 0.0));
      const double masked = z > 0 ? dy : 0;
      add(2, masked);
      add(3, masked * (x - mean));
      const auto input_gradient = [&](double g) { return scale * g + slope * (x - mean) + c.offset[ch]; };
      compare(value(c.relu_dx[i]), input_gradient(masked));
      const double first = z + r > 0 ? dy : 0;
      add(4, first);
      add(5, first * (x - mean));
      compare(value(c.g[i]), sum > 0 ? dy + dy2 : 0);
      const double g = value(c.g[i]);  // as stored: what follows works with that
      add(6, keep * g);
      add(7, keep * g * (x - mean));
      add(8, g);
      add(9, g * (r - bias));
      compare(value(c.dx[i]), input_gradient(keep * g));
    }
    for (int s = 0; s < 10; ++s) compare(c.sums[s][static_cast<std::size_t>(ch)], sums[s], sizes[s]);
  }
  return worst;
}

template <class T>
void check_all(double tolerance) {
  for (const std::int64_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100})
    for (const std::int64_t rows : {1, 2, 7, 8, 9, 100}) {
      INFO(rows << " rows, " << channels << " channels");
      Case<T> portable(rows, channels);
      portable.run(batch_norm_kernels<T>(InstructionSet::kPortable));
      CHECK(error_of(portable) <= tolerance);
      for (const auto set : {InstructionSet::kAvx2, InstructionSet::kAvx512}) {
        if (set > best_instruction_set()) continue;
        Case<T> other(rows, channels);
        other.run(batch_norm_kernels<T>(set));
        CHECK(other.same_bits(portable));
      }
    }
}

TEST_CASE("batch-norm kernels compute what plain loops do, with the same bits in every instruction set", "[model]") {
  SECTION("float32") { check_all<float>(1e-6); }
  SECTION("bfloat16") { check_all<Bfloat16Bits>(0x1p-8); }
}

TEST_CASE("bfloat16 is rounded to nearest even, and NaN and infinity stay what they are", "[model]") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::bit_cast<float>(0x7f80'0001u);  // all in the half that is cut off
  const std::vector<Bfloat16Bits> x(18, 0);
  const std::vector<float> zero(18, 0), one(18, 1);
  std::vector<float> bias(18, 1);
  const std::vector<std::pair<float, std::uint32_t>> cases = {
      {1 + 0x1p-8f, 0x3f80},             // half way: down to even
      {1 + 3 * 0x1p-8f, 0x3f82},         // half way: up to even
      {1 + 0x1p-8f + 0x1p-20f, 0x3f81},  // above
      {0x1.fffp127f, 0x7f80},            // beyond the largest
      {inf, 0x7f80},
      {nan, 0x7fc0},
  };
  for (int set = 0; set <= static_cast<int>(best_instruction_set()); ++set)
    for (const auto& [from, to] : cases) {
      bias.assign(18, from);
      std::vector<Bfloat16Bits> y(18);
      batch_norm_kernels<Bfloat16Bits>(static_cast<InstructionSet>(set))
          .relu_forward(x.data(), 1, 18, {zero.data(), one.data(), bias.data()}, y.data());
      INFO("set " << set << ", value " << from);
      for (const auto v : y) CHECK(v == to);
    }
}

TEST_CASE("a NaN goes through batch norm with ReLU, forward and backward", "[model]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> zero(20, 0), one(20, 1), x(20, nan), dy(20, 3);
  for (int set = 0; set <= static_cast<int>(best_instruction_set()); ++set) {
    const auto& k = batch_norm_kernels<float>(static_cast<InstructionSet>(set));
    const Normalisation norm{zero.data(), one.data(), zero.data()};
    std::vector<float> y(20), s(20), q(20);
    k.relu_forward(x.data(), 1, 20, norm, y.data());
    for (const float v : y) CHECK(std::isnan(v));
    k.add_relu_forward(zero.data(), 1, 20, norm, {}, {x.data(), {}}, y.data());
    for (const float v : y) CHECK(std::isnan(v));
    k.relu_sums(x.data(), dy.data(), 1, 20, norm, {s.data(), q.data()});
    for (const float v : s) CHECK(v == 3);
    for (const float v : q) CHECK(std::isnan(v));
  }
}

}  // namespace
}  // namespace mosaic
