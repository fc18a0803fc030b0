#include "comm/process_group.h"

#include <numeric>
#include <vector>

#include "catch.h"
#include "comm/mpi_session.h"
#include "support.h"

namespace mosaic {
namespace {

TEST_CASE("the group of one changes nothing", "[comm]") {
  const auto group = single_process();
  std::vector<float> values{1, 2, 3};
  group->all_reduce_sum(std::span(values));
  group->broadcast(std::span(values), 0);
  group->barrier();
  CHECK(group->size() == 1);
  CHECK(group->rank() == 0);
  CHECK(values == std::vector<float>{1, 2, 3});
}

TEST_CASE("a sum over the ranks is the same on all of them, in every type", "[comm][mpi]") {
  const auto group = mpi_process_group();
  const int n = group->size(), expected = n * (n + 1) / 2;
  const int mine = group->rank() + 1;

  std::vector<float> f(1000, static_cast<float>(mine));
  std::vector<double> d(7, mine);
  std::vector<std::int64_t> i(3, mine);
  group->all_reduce_sum(std::span(f));
  group->all_reduce_sum(std::span(d));
  group->all_reduce_sum(std::span(i));

  CHECK(f == std::vector<float>(1000, static_cast<float>(expected)));
  CHECK(d == std::vector<double>(7, expected));
  CHECK(i == std::vector<std::int64_t>(3, expected));
}

TEST_CASE("a broadcast gives every rank the root's values, whichever the root", "[comm][mpi]") {
  const auto group = mpi_process_group();
  for (int root = 0; root < group->size(); ++root) {
    std::vector<double> values(5, group->rank());
    group->broadcast(std::span(values), root);
    CHECK(values == std::vector<double>(5, root));
  }
  group->barrier();
}

TEST_CASE("an empty buffer is nothing to send", "[comm][mpi]") {
  const auto group = mpi_process_group();
  group->all_reduce_sum(std::span<float>());
  group->broadcast(std::span<float>(), 0);
}

TEST_CASE("texts of different lengths are gathered in the order of the ranks", "[comm][mpi]") {
  const auto group = mpi_process_group();
  const auto texts = gather_texts(std::string(static_cast<std::size_t>(group->rank()), 'x'));
  REQUIRE(texts.size() == static_cast<std::size_t>(group->size()));
  for (int r = 0; r < group->size(); ++r) CHECK(texts[r] == std::string(static_cast<std::size_t>(r), 'x'));
}

TEST_CASE("what fails on one rank fails on all, with that rank's message", "[comm][mpi]") {
  const auto group = mpi_process_group();
  const int last = group->size() - 1;
  int exit_code = 0;
  std::string message;
  try {
    agree([&] {
      if (group->rank() == last) throw Error("no such folder", kExitBadInput);
    });
  } catch (const Error& e) {
    message = e.what(), exit_code = e.exit_code();
  }
  CHECK(message == (last == 0 ? "no such folder" : str("rank ", last, " of ", last + 1, ": no such folder")));
  CHECK(exit_code == kExitBadInput);
}

TEST_CASE("what fails alike on all ranks names none of them", "[comm][mpi]") {
  CHECK(test::message_of([] { agree([] { throw Error("bad key"); }); }) == "bad key");
  agree([] {});
}

}  // namespace
}  // namespace mosaic
