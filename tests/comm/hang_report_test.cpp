#include "comm/hang_report.h"

#include "catch.h"
#include "comm/watchdog.h"

namespace mosaic {
namespace {

RankActivity in_all_reduce(int rank, const std::string& host, std::int64_t number) {
  return {.rank = rank,
          .host = host,
          .pid = 100 + rank,
          .phase = Phase::kStep,
          .seconds_in_phase = 31.24,
          .step = 1200,
          .batch = 200,
          .collective = Collective::kAllReduce,
          .collectives = number,
          .bytes = 102400000};
}

RankActivity at_work(int rank, const std::string& host, std::int64_t collectives) {
  RankActivity r = in_all_reduce(rank, host, collectives);
  r.collective = Collective::kNone;
  return r;
}

const std::vector<std::string> kHosts = {"node1", "node1", "node2", "node2"};

TEST_CASE("what a rank does is told with its place and its collective", "[comm]") {
  CHECK(describe(in_all_reduce(3, "node2", 4807), 4) ==
        "rank 3 of 4 (node2, pid 103): step 1200, batch 200 of its epoch, for 31.2 s, in all-reduce number 4807 of "
        "102.4 MB");
  CHECK(describe({.rank = 0, .host = "a", .pid = 1, .phase = Phase::kStart, .seconds_in_phase = 5}, 1) ==
        "rank 0 of 1 (a, pid 1): start, for 5.0 s");
  RankActivity reading = at_work(1, "b", 7);
  reading.phase = Phase::kEvaluation;
  reading.waits_for_data = true;
  reading.seconds_silent = 12;
  CHECK(describe(reading, 2) ==
        "rank 1 of 2 (b, pid 101): evaluation after step 1200, for 31.2 s, waiting for data, without a sign of life "
        "for 12.0 s");
}

TEST_CASE("a report is read as it was written, and without the lines that are damaged", "[comm]") {
  const std::vector<RankActivity> ranks = {in_all_reduce(0, "node1", 5), at_work(1, "node1", 4)};
  const std::string text = report_of_node(ranks, 2);
  const auto read = read_report(text);
  REQUIRE(read.size() == 2);
  for (int i = 0; i < 2; ++i) CHECK(describe(read[i], 2) == describe(ranks[i], 2));
  CHECK(read[1].collectives == 4);
  CHECK(read_report(text.substr(0, text.find('\n') + 10)).size() == 1);
  CHECK(read_report("{}\n[1]\nnonsense\n\n").empty());
}

TEST_CASE("the rank that has entered fewer collectives is the one that is waited for", "[comm]") {
  const std::vector<RankActivity> known = {in_all_reduce(0, "node1", 9), in_all_reduce(1, "node1", 9),
                                           at_work(2, "node2", 8), in_all_reduce(3, "node2", 9)};
  CHECK(verdict(known, kHosts) == describe(known[2], 4) + ": the others wait for it");
}

TEST_CASE("a rank that is late in a collective which the others have left is waited for", "[comm]") {
  const std::vector<RankActivity> known = {in_all_reduce(0, "node1", 9), in_all_reduce(1, "node1", 8),
                                           in_all_reduce(2, "node2", 9), in_all_reduce(3, "node2", 9)};
  CHECK(verdict(known, kHosts) == describe(known[1], 4) + ": the others wait for it");
}

TEST_CASE("a process that gives no sign of life is the culprit, whatever collective it is in", "[comm]") {
  std::vector<RankActivity> known = {in_all_reduce(0, "node1", 9), in_all_reduce(1, "node1", 9), at_work(2, "node2", 8),
                                     in_all_reduce(3, "node2", 9)};
  known[3].seconds_silent = 30;
  CHECK(verdict(known, kHosts) == describe(known[3], 4) + ": its process is stopped or dead");
}

TEST_CASE("a node without a report is named with its ranks", "[comm]") {
  CHECK(verdict({in_all_reduce(0, "node1", 9), in_all_reduce(1, "node1", 9)}, kHosts) ==
        "no report from node2 (ranks 2, 3): the node, or its way to the log folder, is down");
}

TEST_CASE("where all ranks are in the same collective, nobody is accused", "[comm]") {
  std::vector<RankActivity> known;
  for (int rank = 0; rank < 4; ++rank) known.push_back(in_all_reduce(rank, kHosts[rank], 9));
  CHECK(verdict(known, kHosts) ==
        "all ranks are in all-reduce number 9: none is behind, so it is the network between them, or a GPU");
}

TEST_CASE("a phase may take ten times the longest so far, and never less than the floor", "[comm]") {
  const HangLimits limits{.floor = 300, .first = 1800};
  CHECK(limits.of({.ended = 0, .longest = 0}) == 1800);
  CHECK(limits.of({.ended = 1, .longest = 2}) == 300);
  CHECK(limits.of({.ended = 9, .longest = 100}) == 1000);
  CHECK(HangLimits{.floor = 300, .first = 60}.of({}) == 300);
}

TEST_CASE("the first time of a phase counts only until there is a second", "[comm]") {
  begin_phase(Phase::kCheckpoint);
  begin_phase(Phase::kCheckpoint);
  const PhaseTimes one = times_of(Phase::kCheckpoint);
  CHECK(one.ended == 1);
  const std::int64_t start = monotonic_nanoseconds();
  while (monotonic_nanoseconds() - start < 20'000'000) {
  }
  begin_phase(Phase::kCheckpoint);
  CHECK(times_of(Phase::kCheckpoint).longest >= 0.02);
  CHECK(one.longest < times_of(Phase::kCheckpoint).longest);
  begin_phase(Phase::kEnd);
  CHECK(times_of(Phase::kCheckpoint).ended == 3);
  CHECK(times_of(Phase::kCheckpoint).longest >= 0.02);
}

TEST_CASE("collectives are counted and their time is added up", "[comm]") {
  const std::int64_t before = activity().collectives;
  {
    const InCollective posted(Collective::kAllReduce, 8);
    CHECK(activity().collective == static_cast<int>(Collective::kAllReduce));
    CHECK(activity().bytes == 8);
  }
  CHECK(activity().collective == static_cast<int>(Collective::kNone));
  CHECK(activity().collectives == before + 1);
  CHECK(seconds_in_collectives() > 0);
}

}  // namespace
}  // namespace mosaic
