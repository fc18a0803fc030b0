#include "train/slow_ranks.h"

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("a rank that takes more than 1.3 times the median is named, with the part that is waiting for data",
          "[train]") {
  const std::vector<StepSeconds> ranks = {{.data = 0.01, .exchange = 0.2, .other = 0.09},
                                          {.data = 0.1, .exchange = 0.1, .other = 0.1},
                                          {.data = 0, .exchange = 0.19, .other = 0.11}};
  CHECK(median_own(ranks) == Approx(0.11));
  CHECK(slow_ranks(ranks, {"a", "b", "c"}) ==
        std::vector<std::string>{
            "rank 1 of 3 (b) holds up the others: a step takes it 200.0 ms (100.0 ms of them waiting "
            "for data), the median is 110.0 ms"});
}

TEST_CASE("ranks that wait long for others are not slow", "[train]") {
  CHECK(slow_ranks({{.exchange = 9, .other = 1}, {.exchange = 0, .other = 1.2}}, {"a", "a"}).empty());
}

TEST_CASE("of two ranks the median is the mean, and one alone is never slow", "[train]") {
  CHECK(median_own({{.other = 1}, {.other = 3}}) == 2);
  CHECK(slow_ranks({{.other = 1}, {.other = 3}}, {"a", "b"}).size() == 1);
  CHECK(slow_ranks({{.other = 5}}, {"a"}).empty());
}

TEST_CASE("a window is the mean of its steps, and the next one starts anew", "[train]") {
  StepClock clock;
  for (int window = 1; window <= 2; ++window) {
    for (int step = 1; step < StepClock::kWindow; ++step) CHECK_FALSE(clock.add({.data = 1. * window, .other = 2}));
    const auto mean = clock.add({.data = 1. * window, .exchange = 50, .other = 2});
    REQUIRE(mean);
    CHECK(mean->data == Approx(window));
    CHECK(mean->exchange == Approx(1));
    CHECK(mean->other == Approx(2));
  }
}

}  // namespace
}  // namespace mosaic
