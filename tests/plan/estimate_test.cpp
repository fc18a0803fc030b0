#include "plan/estimate.h"

#include "catch.h"

using namespace mosaic;

namespace {

Point at(double x, double y) { return {x, Estimate::exactly(y)}; }

}  // namespace

TEST_CASE("a sum is as uncertain as its parts together, and measured if both are") {
  const Estimate sum = Estimate{1, 0.5, 2} + Estimate{10, 9, 12}.assuming("a guess");
  CHECK(sum.value == 11);
  CHECK(sum.low == 9.5);
  CHECK(sum.high == 14);
  CHECK(sum.assumed == std::vector<std::string>{"a guess"});
  CHECK((sum + sum).assumed.size() == 1);
  CHECK((Estimate{1, 1, 1} * 3).measured());
}

TEST_CASE("a measured place is what was measured, and between two of them lies their line") {
  const std::vector<Point> points = {at(10, 3), at(4, 1), at(16, 9)};
  CHECK(along(points, 4, "x").value == 1);
  CHECK(along(points, 4, "x").high == 1);
  const Estimate between = along(points, 13, "x");
  CHECK(between.value == Approx(6));
  CHECK(between.low == Approx(5.7));
  CHECK(between.high == Approx(6.3));
  CHECK(between.measured());
}

TEST_CASE("outside of what was measured the line goes on, and that is said") {
  // 2 + x: at 30 this is 32; in proportion to (20, 22) it would be 33.
  const Estimate above = along({at(10, 12), at(20, 22)}, 30, "images");
  CHECK(above.value == Approx(32));
  CHECK(above.low == Approx(32 * 0.85));
  CHECK(above.high == Approx(33 * 1.15));
  CHECK(above.assumed == std::vector<std::string>{"30 images cost in line with 10 to 20"});
  // The line says 7; half of (10, 12) is 6.
  const Estimate below = along({at(10, 12), at(20, 22)}, 5, "images");
  CHECK(below.value == Approx(7));
  CHECK(below.low == Approx(6 * 0.85));
  CHECK(below.high >= 7 * 1.15);
}

TEST_CASE("a cost never falls below its share of the nearest one") {
  // The line through (10, 5) and (20, 25) would be -5 at 5: what is in proportion is 2.5.
  CHECK(along({at(10, 5), at(20, 25)}, 5, "x").value == Approx(2.5));
  // It would be 45 at 30, 37.5 in proportion to (20, 25).
  CHECK(along({at(10, 5), at(20, 25)}, 30, "x").value == Approx(37.5));
}

TEST_CASE("costs that fall, by noise, stay as low as measured, and positive") {
  const Estimate above = along({at(10, 6), at(20, 2)}, 60, "x");  // their line: -14
  CHECK(above.value == Approx(2));
  CHECK(above.low > 0);
  CHECK(above.high >= 6);
  const Estimate below = along({at(10, 1), at(12, 30)}, 2, "x");
  CHECK(below.low > 0);
}

TEST_CASE("of one point there is no line, but a proportion") {
  CHECK(along({at(10, 5)}, 20, "x").value == Approx(10));
  CHECK_FALSE(along({at(10, 5)}, 20, "x").measured());
}
