#include "device/lap_timer.h"

#include <chrono>
#include <numeric>
#include <thread>

#include "catch.h"

namespace mosaic {
namespace {

void sleep_milliseconds(int n) { std::this_thread::sleep_for(std::chrono::milliseconds(n)); }

TEST_CASE("laps add up to the time of their part, and all parts to the whole", "[device]") {
  const auto start = std::chrono::steady_clock::now();
  LapTimer timer(at::kCPU, 3);
  for (int i = 0; i < 2; ++i) {
    timer.enter(1);
    sleep_milliseconds(20);
    timer.enter(2);
    sleep_milliseconds(5);
  }
  const auto seconds = timer.take();
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;

  REQUIRE(seconds.size() == 3);
  CHECK(seconds[1] >= 0.040);
  CHECK(seconds[2] >= 0.010);
  CHECK(seconds[0] < seconds[2]);
  CHECK(std::accumulate(seconds.begin(), seconds.end(), 0.0) == Approx(whole.count()).epsilon(0.01));
}

TEST_CASE("what was taken counts no more, and the part goes on", "[device]") {
  LapTimer timer(at::kCPU, 2);
  timer.enter(1);
  sleep_milliseconds(10);
  timer.take();
  sleep_milliseconds(2);
  const auto seconds = timer.take();
  CHECK(seconds[0] == 0);
  CHECK(seconds[1] >= 0.002);
}

}  // namespace
}  // namespace mosaic
