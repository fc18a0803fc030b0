#include "train/time_left.h"

#include "catch.h"

namespace mosaic {
namespace {

std::int64_t left(const char* interval, std::int64_t epoch, std::int64_t batch, std::int64_t total) {
  return evaluations_left(Duration::parse(interval), {.epoch = epoch, .batch = batch}, 10, total);
}

TEST_CASE("evaluations are left at each multiple of their interval, and at the end", "[train]") {
  CHECK(left("1ep", 0, 0, 30) == 3);
  CHECK(left("1ep", 1, 10, 30) == 2);  // the one after the first epoch comes before the next step
  CHECK(left("1ep", 1, 15, 30) == 2);
  CHECK(left("2ep", 0, 0, 30) == 2);  // after 2 and at the end
  CHECK(left("2ep", 2, 25, 30) == 1);
  CHECK(left("1000ep", 0, 3, 30) == 1);
  CHECK(left("7ba", 0, 0, 30) == 5);  // 7, 14, 21, 28, 30
  CHECK(left("7ba", 0, 7, 30) == 4);
  CHECK(left("10ba", 2, 29, 30) == 1);
  CHECK(left("1ep", 3, 30, 30) == 0);
  CHECK(left("1ep", 2, 25, 25) == 0);
}

}  // namespace
}  // namespace mosaic
