#include "preflight/launch.h"

#include "catch.h"

using namespace mosaic;

namespace {

/// `ranks` ranks on `host`, with `threads` threads each, all of which may run on the processors from `first` up to `last`.
std::vector<RankCores> bound(const std::string& host, int ranks, int threads, int online, int first, int last) {
  RankCores one{.host = host, .threads = threads, .online = online, .cpus = {}};
  for (int cpu = first; cpu <= last; ++cpu) one.cpus.push_back(cpu);
  return std::vector<RankCores>(static_cast<std::size_t>(ranks), one);
}

}  // namespace

TEST_CASE("ranks that do not know of each other are bad, uneven nodes a warning") {
  CHECK(ranks_row({"a", "a", "b", "b"}, Launcher{"srun", 4}).verdict == Verdict::kOk);
  CHECK(ranks_row({"a", "a", "b", "b"}, Launcher{"srun", 4}).found == "4 ranks on 2 nodes, 2 on each");
  CHECK(ranks_row({"a"}, std::nullopt).found == "1 rank on 1 node");

  const Row alone = ranks_row({"a"}, Launcher{"srun", 4});
  CHECK(alone.verdict == Verdict::kBad);
  CHECK(alone.exit_code == kExitBadInput);
  CHECK(alone.expected.rfind("4, as srun has started", 0) == 0);

  const Row uneven = ranks_row({"a", "a", "a", "b"}, Launcher{"mpirun", 4});
  CHECK(uneven.verdict == Verdict::kWarning);
  CHECK(uneven.found == "4 ranks on 2 nodes, 1 to 3 on each (b has 1)");
}

TEST_CASE("ranks are to have cores of their own, and more than one where there are more") {
  auto apart = bound("a", 1, 4, 8, 0, 3);
  apart.push_back(bound("a", 1, 4, 8, 4, 7)[0]);
  CHECK(cores_row(apart).verdict == Verdict::kOk);
  CHECK(cores_row(apart).found == "4 cores per rank");
  CHECK(cores_row(bound("a", 2, 4, 8, 0, 7)).verdict == Verdict::kOk);  // bound to nothing, half of the node for each

  const Row shared = cores_row(bound("a", 8, 12, 96, 0, 11));
  CHECK(shared.verdict == Verdict::kWarning);
  CHECK(shared.found == "12 cores per rank; a: 8 ranks share 12 of 96 cores");

  const Row one_each = cores_row({bound("a", 1, 1, 64, 0, 0)[0], bound("a", 1, 1, 64, 1, 1)[0]});
  CHECK(one_each.verdict == Verdict::kWarning);
  CHECK(one_each.found == "1 core per rank; a has 64 cores for 2 ranks");
  CHECK(cores_row(bound("a", 2, 1, 2, 0, 1)).verdict == Verdict::kOk);  // there are no more
}
