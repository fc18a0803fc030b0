#include "base/process.h"

#include <chrono>
#include <thread>
#include <vector>

#include "catch.h"

using namespace mosaic;

TEST_CASE("a process knows how old it is") {
  const double before = process_age();
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  const double passed = process_age() - before;
  CHECK(before >= 0);
  CHECK(passed >= 0.059);
  CHECK(passed < 60);
}

TEST_CASE("a process knows what it has of memory") {
  constexpr std::int64_t kBytes = 64 << 20;
  const std::int64_t before = resident_bytes();
  CHECK(before > 0);
  {
    const std::vector<char> touched(kBytes, 1);
    CHECK(touched[kBytes / 2] == 1);
    CHECK(resident_bytes() - before > kBytes / 2);
  }
  CHECK(take_peak_resident_bytes() - before > kBytes / 2);
}
