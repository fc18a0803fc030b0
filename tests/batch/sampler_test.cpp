#include "batch/sampler.h"

#include <set>

#include "base/sha256.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

std::string sha256_int32(const std::vector<std::int64_t>& order) {
  const std::vector<std::int32_t> narrow(order.begin(), order.end());
  Sha256 hash;
  hash.add(std::as_bytes(std::span(narrow)));
  return hash.hex();
}

TEST_CASE("the ranks of an epoch share its full batches and read nothing twice", "[batch]") {
  const TrainEpoch epoch{.samples = 100, .global_batch = 8, .ranks = 4};
  std::set<std::int64_t> seen;
  for (std::int64_t batch = 0; batch < epoch.batches(); ++batch)
    for (int rank = 0; rank < 4; ++rank)
      for (std::int64_t i = 0; i < epoch.rank_batch(); ++i) CHECK(seen.insert(epoch.position(batch, rank, i)).second);
  CHECK(seen.size() == 96);  // 12 batches of 8; the 4 left over are not padded with repeats
  CHECK(*seen.rbegin() == 95);
}

TEST_CASE("a global batch holds the same samples for any number of ranks", "[batch]") {
  for (const int ranks : {1, 2, 4, 8}) {
    const TrainEpoch epoch{.samples = 1000, .global_batch = 16, .ranks = ranks};
    std::set<std::int64_t> batch5;
    for (int rank = 0; rank < ranks; ++rank)
      for (std::int64_t i = 0; i < epoch.rank_batch(); ++i) batch5.insert(epoch.position(5, rank, i));
    CHECK(batch5.size() == 16);
    CHECK(*batch5.begin() == 80);
    CHECK(*batch5.rbegin() == 95);
  }
}

TEST_CASE("ImageNet has 625 batches of 2048 and 25 evaluation batches on 1, 4, 8 and 16 ranks", "[batch]") {
  for (const int ranks : {1, 4, 8, 16}) {
    CHECK(TrainEpoch{1281167, 2048, ranks}.batches() == 625);
    CHECK(EvalEpoch{50000, 2048, ranks}.batches(0) == 25);
  }
  CHECK(EvalEpoch{50000, 2048, 8}.batch_size(24, 0) == 106);
  CHECK(EvalEpoch{50000, 2048, 1}.batch_size(24, 0) == 848);
}

TEST_CASE("evaluation counts every sample once, for any number of ranks", "[batch]") {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    const EvalEpoch epoch{.samples = 101, .global_batch = 12 * ranks, .ranks = ranks};
    std::multiset<std::int64_t> seen;
    for (int rank = 0; rank < ranks; ++rank)
      for (std::int64_t batch = 0; batch < epoch.batches(rank); ++batch)
        for (std::int64_t i = 0; i < epoch.batch_size(batch, rank); ++i) seen.insert(epoch.position(batch, rank, i));
    CHECK(seen.size() == 101);
    CHECK(std::set<std::int64_t>(seen.begin(), seen.end()).size() == 101);
    CHECK(*seen.rbegin() == 100);
  }
}

TEST_CASE("the sampler gives the reference's order", "[batch][golden]") {
  const auto golden = test::golden_json("sampler.json");
  if (!golden) return;
  for (const auto& c : golden->at("cases")) {
    const std::int64_t n = c["n"];
    const int world = c["world"], rank = c["rank"];
    const bool train = c["mode"] == "train";
    std::vector<std::int64_t> mine;
    if (train) {
      const auto order = shuffled(n, c["epoch"]);
      const TrainEpoch epoch{n, world, world};
      for (std::int64_t batch = 0; batch < epoch.batches(); ++batch)
        mine.push_back(order[epoch.position(batch, rank, 0)]);
    } else {
      // The reference pads by repeating from the beginning; we read each sample once.
      const EvalEpoch epoch{n, world, world};
      for (std::int64_t batch = 0; batch < epoch.batches(rank); ++batch) mine.push_back(epoch.position(batch, rank, 0));
      if (const std::int64_t padded = (n + world - 1) / world; static_cast<std::int64_t>(mine.size()) < padded)
        mine.push_back(((padded - 1) * world + rank) % n);
    }
    INFO(c["mode"] << " n " << n << " world " << world << " rank " << rank << " epoch " << c["epoch"]);
    REQUIRE(mine.size() == c["len"].get<std::size_t>());
    CHECK(sha256_int32(mine) == c["sha256"].get<std::string>());
    if (c.contains("indices")) CHECK(mine == c["indices"].get<std::vector<std::int64_t>>());
  }
  for (const auto& p : golden->at("imagenet_permutation"))
    CHECK(sha256_int32(shuffled(p["n"], p["epoch"])) == p["sha256_int32"].get<std::string>());
}

}  // namespace
}  // namespace mosaic
