#include "preprocess/in_order.h"

#include <atomic>
#include <chrono>
#include <stdexcept>

#include "catch.h"
#include "support.h"

namespace mosaic::test {
namespace {

TEST_CASE("results arrive in order for any number of threads, and few exist at a time", "[preprocess]") {
  for (const int threads : {1, 2, 7}) {
    std::atomic<int> existing{0}, most{0};
    std::vector<std::int64_t> order;
    in_order<std::int64_t>(
        3, 203, threads,
        [&](std::int64_t i) {
          const int now = ++existing;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          if (i % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));  // later ones are ready first
          return i * i;
        },
        [&](std::int64_t i, std::int64_t&& square) {
          --existing;
          order.push_back(i);
          CHECK(square == i * i);
        });
    REQUIRE(order.size() == 200);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(most <= 2 * threads + 2);
  }
}

TEST_CASE("nothing to do is done at once", "[preprocess]") {
  in_order<int>(
      5, 5, 3, [](std::int64_t) { return 0; }, [](std::int64_t, int&&) { FAIL("there is no item"); });
}

TEST_CASE("the first exception in order is the one that leaves, whatever the threads did", "[preprocess]") {
  std::int64_t last_taken = -1;
  const auto message = message_of([&] {
    in_order<int>(
        0, 1000, 4,
        [](std::int64_t i) {
          if (i >= 20) throw std::runtime_error("item " + std::to_string(i));
          return 0;
        },
        [&](std::int64_t i, int&&) { last_taken = i; });
  });
  CHECK(message == "item 20");
  CHECK(last_taken == 19);

  CHECK(message_of([] {
          in_order<int>(
              0, 1000, 4, [](std::int64_t) { return 0; },
              [](std::int64_t i, int&&) {
                if (i == 7) throw std::runtime_error("taking failed");
              });
        }) == "taking failed");
}

}  // namespace
}  // namespace mosaic::test
