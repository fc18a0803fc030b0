#include "comm/background_mean.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "catch.h"
#include "comm/activity.h"
#include "comm/process_group.h"
#include "comm/slice_mean.h"

namespace mosaic {
namespace {

/// What rank `rank` has at place `i`: no two alike, of both signs, of sizes whose sums are rounded.
template <class Number>
Number value(int rank, std::size_t i) {
  const double x =
      std::sin(static_cast<double>(i * 7 + 1) * (rank + 1)) * std::pow(10.0, static_cast<double>(i % 9) - 4);
  return static_cast<Number>(x);
}

template <class Number>
std::vector<Number> values(int rank, std::size_t count) {
  std::vector<Number> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = value<Number>(rank, i);
  return all;
}

/// The mean of what the ranks have, in their order.
template <class Number>
std::vector<Number> mean_of_values(int ranks, std::size_t count) {
  std::vector<Number> mean = values<Number>(0, count);
  for (int r = 1; r < ranks; ++r)
    for (std::size_t i = 0; i < count; ++i) mean[i] += value<Number>(r, i);
  for (Number& x : mean) x /= static_cast<Number>(ranks);
  return mean;
}

template <class Number>
void exchange(BackgroundMean& mean, std::vector<Number>& numbers, std::size_t most) {
  for (std::size_t at = 0; at < numbers.size(); at += most)
    mean.start(std::span(numbers).subspan(at, std::min(most, numbers.size() - at)));
  mean.wait();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_CASE("a mean in the background is the ranks' sum in their order, the same bits however it is divided",
          "[comm][mpi]") {
  const auto group = mpi_process_group();
  const auto mean = group->background_mean(WireType::kSame);
  for (const std::size_t count : {1u, 15u, 1000u, 100003u}) {
    for (const std::size_t most : {count, std::size_t{37}, std::size_t{4096}}) {
      if (count / most > 100) continue;
      INFO(count << " in buffers of " << most);
      auto f = values<float>(group->rank(), count);
      exchange(*mean, f, most);
      CHECK(same_bits(f, mean_of_values<float>(group->size(), count)));
      auto d = values<double>(group->rank(), count);
      exchange(*mean, d, most);
      CHECK(d == mean_of_values<double>(group->size(), count));
    }
  }
}

TEST_CASE("as bfloat16 on its way a mean is rounded where it leaves and where it comes back, alike on all ranks",
          "[comm][mpi]") {
  const auto group = mpi_process_group();
  const auto mean = group->background_mean(WireType::kBfloat16);
  constexpr std::size_t kCount = 5000;
  auto f = values<float>(group->rank(), kCount);
  exchange(*mean, f, 1024);

  auto of_root = f;
  group->broadcast(std::span(of_root), 0);
  CHECK(same_bits(f, of_root));
  double furthest = 0;  // from the exact mean, in units of the largest of the numbers that it is of
  for (std::size_t i = 0; i < kCount; ++i) {
    double exact = 0, largest = 0;
    for (int r = 0; r < group->size(); ++r) {
      exact += static_cast<double>(value<float>(r, i)) / group->size();
      largest = std::max(largest, std::abs(static_cast<double>(value<float>(r, i))));
    }
    furthest = std::max(furthest, std::abs(f[i] - exact) / largest);
  }
  CHECK(furthest <= 2.0 / 256);
  if (group->size() > 1) CHECK(furthest > 1e-4);
}

TEST_CASE("bfloat16 rounds to the nearest, halves to even, and keeps what is not a number", "[comm]") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> from = {1, 1.00390625f, 1.01171875f, -1.005f, 3.4e38f, inf, -inf, 0.0f, -0.0f};
  const std::vector<float> expected = {1, 1, 1.015625f, -1.0078125f, inf, inf, -inf, 0.0f, -0.0f};
  std::vector<Bfloat16> rounded(from.size());
  std::vector<float> back(from.size());
  round_to_bfloat16(from, rounded.data());
  widen_bfloat16(rounded, back.data());
  CHECK(same_bits(back, expected));

  std::uint32_t bits = 0x7f800001;  // the NaN that is next to infinity
  float nan;
  std::memcpy(&nan, &bits, sizeof nan);
  Bfloat16 short_nan;
  round_to_bfloat16({&nan, 1}, &short_nan);
  widen_bfloat16({&short_nan, 1}, &nan);
  CHECK(std::isnan(nan));
}

TEST_CASE("a NaN of one rank reaches all", "[comm][mpi]") {
  const auto group = mpi_process_group();
  for (const WireType wire : {WireType::kSame, WireType::kBfloat16}) {
    const auto mean = group->background_mean(wire);
    std::vector<float> f(100, 1);
    if (group->rank() == group->size() - 1) f[41] = std::numeric_limits<float>::quiet_NaN();
    exchange(*mean, f, 30);
    CHECK(std::isnan(f[41]));
    f[41] = 1;
    CHECK(f == std::vector<float>(100, 1));
  }
}

TEST_CASE("a rank whose buffer is not ready is the one that has entered fewer collectives", "[comm][mpi]") {
  const auto group = mpi_process_group();
  if (group->size() == 1) return;
  const auto mean = group->background_mean(WireType::kSame);
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(300)); };
  std::vector<float> f(1000, 1);
  group->barrier();
  const std::int64_t before = activity().collectives;
  const double blocked_before = seconds_in_collectives();
  const bool late = group->rank() == 0;
  if (late) pause();
  if (!late) {
    mean->start(std::span(f));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(activity().collectives == before + 1);
    CHECK(activity().collective == static_cast<int>(Collective::kAllReduce));
    CHECK(activity().bytes == 4000);
    CHECK(seconds_in_collectives() == blocked_before);  // this thread is free
  } else {
    CHECK(activity().collectives == before);
    CHECK(activity().collective == static_cast<int>(Collective::kNone));
    mean->start(std::span(f));
  }
  mean->wait();
  CHECK(activity().collectives == before + 1);
  CHECK(activity().collective == static_cast<int>(Collective::kNone));
  CHECK(seconds_in_collectives() > blocked_before);
  CHECK(mean->busy_seconds() > 0);
  CHECK(mean->busy_seconds() < 0.15);  // the exchange itself, not the waiting for rank 0
  group->barrier();
}

TEST_CASE("what nobody waits for is given up", "[comm][mpi]") {
  const auto group = mpi_process_group();
  try {
    const auto mean = group->background_mean(WireType::kSame);
    std::vector<float> f(1000, 1);
    if (group->rank() == 0) mean->start(std::span(f));
    throw std::runtime_error("of the backward pass");  // on all ranks: nobody comes
  } catch (const std::runtime_error&) {
  }
  group->barrier();
}

}  // namespace
}  // namespace mosaic
