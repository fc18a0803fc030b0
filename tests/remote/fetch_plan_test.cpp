#include "remote/fetch_plan.h"

#include <numeric>

#include "batch/sampler.h"
#include "catch.h"

namespace mosaic {
namespace {

/// Four shards of two samples and ten bytes each.
struct Planned {
  std::vector<std::int64_t> orders[2] = {{4, 5, 0, 1, 6, 7, 2, 3}, {2, 3, 6, 7, 0, 1, 4, 5}};
  FetchPlan plan{[this](std::int64_t epoch) { return orders[epoch % 2]; }, {0, 2, 4, 6, 8}, 1};
  std::vector<FetchPlan::Shard> shards = std::vector<FetchPlan::Shard>(4, {.bytes = 10});

  void fetched(int shard) {
    shards[shard].whole = true;
    shards[shard].held = 10;
  }
};

TEST_CASE("shards are fetched in the order of the epoch's needs", "[remote]") {
  Planned p;
  CHECK(p.plan.choose(p.shards, 100).fetch == -1);  // no plan yet
  p.plan.at(0, 0);
  for (const int shard : {2, 0, 3, 1}) {
    CHECK(p.plan.choose(p.shards, 100).fetch == shard);
    p.shards[shard].in_flight = true;
  }
  CHECK(p.plan.choose(p.shards, 100).fetch == -1);
}

TEST_CASE("a shard that somebody waits for comes first", "[remote]") {
  Planned p;
  p.shards[1].waited_for = true;
  CHECK(p.plan.choose(p.shards, 100).fetch == 1);
  p.plan.at(0, 0);
  CHECK(p.plan.choose(p.shards, 100).fetch == 1);
}

TEST_CASE("the shard that is needed last makes room, and none that is needed sooner than the new one", "[remote]") {
  Planned p;
  p.plan.at(0, 0);
  p.fetched(2);
  p.fetched(0);
  CHECK(p.plan.choose(p.shards, 20).fetch == -1);  // both are needed before shard 3
  p.plan.at(0, 4);                                 // past both, but for the one place that may still be being read
  CHECK(p.plan.choose(p.shards, 20).evict == std::vector<int>{2});  // of the two, last in the next epoch
  CHECK(p.plan.choose(p.shards, 20).fetch == 3);
  CHECK(p.plan.choose(p.shards, 30).evict.empty());
}

TEST_CASE("who waits gets room even from what a plan would keep, but not from what others wait for", "[remote]") {
  Planned p;
  p.plan.at(0, 0);
  p.fetched(2);
  p.fetched(0);
  p.shards[1].waited_for = true;
  CHECK(p.plan.choose(p.shards, 20).fetch == 1);
  CHECK(p.plan.choose(p.shards, 20).evict == std::vector<int>{0});
  p.shards[0].waited_for = p.shards[2].waited_for = true;
  CHECK(p.plan.choose(p.shards, 20).fetch == -1);
}

TEST_CASE("at the end of an epoch the next one's shards come", "[remote]") {
  Planned p;
  p.plan.at(0, 6);
  p.fetched(1);
  CHECK(p.plan.choose(p.shards, 100).fetch == 3);  // may still be being read
  p.fetched(3);
  CHECK(p.plan.choose(p.shards, 100).fetch == 0);
  p.plan.at(1, 0);
  CHECK(p.plan.choose(p.shards, 100).fetch == 0);
  p.plan.at(4, 0);  // as after a rollback
  CHECK(p.plan.choose(p.shards, 100).fetch == 2);
}

TEST_CASE("global order needs all shards at once, block order a few", "[remote]") {
  constexpr std::int64_t kPerShard = 1000, kShards = 100, kReach = 256;
  std::vector<std::int64_t> first;
  for (std::int64_t shard = 0; shard <= kShards; ++shard) first.push_back(shard * kPerShard);
  const std::vector<std::uint64_t> bytes(kShards, 1);
  const auto shards_at_once = [&](const std::vector<std::int64_t>& order) {
    return working_set(order, first, bytes, 2 * kReach);
  };
  CHECK(shards_at_once(shuffled(kPerShard * kShards, 0)) == kShards);
  // A window of four blocks; a block lies in two shards, and a stretch in two windows.
  CHECK(shards_at_once(block_shuffled(kPerShard * kShards, {kPerShard, 4 * kPerShard}, 17, 0)) <= 2 * (4 + 1) * 2);
}

TEST_CASE("needs are those of the order", "[remote]") {
  const ShardNeeds needs({4, 0, 1, 5, 2, 3}, {0, 4, 6});
  CHECK(needs.next(0, 0) == 1);
  CHECK(needs.next(0, 3) == 4);
  CHECK(needs.next(1, 1) == 3);
  CHECK(needs.next(1, 4) == std::nullopt);
  CHECK(working_set({4, 0, 1, 5, 2, 3}, {0, 4, 6}, {10, 7}, 2) == 17);
  CHECK(working_set({0, 1, 2, 3, 4, 5}, {0, 4, 6}, {10, 7}, 1) == 10);
}

}  // namespace
}  // namespace mosaic
