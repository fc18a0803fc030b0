#include "base/cores.h"

#include <algorithm>
#include <set>
#include <thread>

#include "base/cpu.h"
#include "catch.h"

namespace mosaic {
namespace {

using Masks = std::vector<std::vector<int>>;

TEST_CASE("processes on the same processors get parts that do not overlap, of one piece", "[base]") {
  const std::vector<int> node = {0, 8, 1, 9, 2, 10, 3, 11};  // two processors a core
  CHECK(disjoint_parts({node, node}) == Masks{{0, 8, 1, 9}, {2, 10, 3, 11}});
  CHECK(disjoint_parts({node, node, node, node}) == Masks{{0, 8}, {1, 9}, {2, 10}, {3, 11}});
  const Masks thirds = disjoint_parts({node, node, node});
  std::set<int> seen;
  for (const auto& part : thirds) {
    CHECK(part.size() >= 2);
    for (const int cpu : part) CHECK(seen.insert(cpu).second);
  }
  CHECK(seen.size() == 8);
}

TEST_CASE("what a launcher has bound stays, and so do more processes than processors", "[base]") {
  const Masks bound = {{0, 1}, {2, 3}};
  CHECK(disjoint_parts(bound) == bound);
  const Masks two_sockets = {{0, 1}, {0, 1}, {2, 3}, {2, 3}};  // bound to sockets: each is divided
  CHECK(disjoint_parts(two_sockets) == Masks{{0}, {1}, {2}, {3}});
  const Masks crowded = {{0, 1}, {0, 1}, {0, 1}};
  CHECK(disjoint_parts(crowded) == crowded);
  CHECK(disjoint_parts({{0, 1, 2}}) == Masks{{0, 1, 2}});
}

TEST_CASE("a thread and what it starts run where they are put", "[base]") {
  const std::vector<int> all = affinity();
  std::vector<int> of_thread, of_its_thread;
  std::thread([&] {
    REQUIRE(run_on({all.back()}));
    of_thread = affinity();
    std::thread([&] { of_its_thread = affinity(); }).join();
  }).join();
  CHECK(of_thread == std::vector<int>{all.back()});
  CHECK(of_its_thread == of_thread);
  CHECK(affinity() == all);
  CHECK_FALSE(run_on({}));
}

TEST_CASE("processors are put in the order of cores, each once", "[base]") {
  std::vector<int> ordered = in_order_of_cores(affinity());
  std::sort(ordered.begin(), ordered.end());
  CHECK(ordered == affinity());
}

TEST_CASE("numbers are written as ranges", "[base]") {
  CHECK(ranges_of({}) == "");
  CHECK(ranges_of({3}) == "3");
  CHECK(ranges_of({11, 0, 1, 2, 3, 8, 10}) == "0-3,8,10-11");
}

}  // namespace
}  // namespace mosaic
