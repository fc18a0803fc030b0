#include "batch/sampler.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/sha256.h"
#include "batch/batch_plan.h"
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

TEST_CASE("a block shuffle has every sample once, and is a function of seed and epoch", "[batch]") {
  const std::int64_t samples = GENERATE(1, 7, 64, 1000, 4099);
  const BlockShuffle shape = GENERATE(BlockShuffle{1, 1}, BlockShuffle{8, 64}, BlockShuffle{16, 5000});
  const auto order = block_shuffled(samples, shape, 17, 3);
  CHECK(order == block_shuffled(samples, shape, 17, 3));
  if (samples > 100) {
    CHECK(order != block_shuffled(samples, shape, 18, 3));
    CHECK(order != block_shuffled(samples, shape, 17, 4));
  }
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < samples; ++i) REQUIRE(sorted[i] == i);
}

TEST_CASE("a window of a block shuffle reads few stretches of the shards", "[batch]") {
  constexpr std::int64_t kSamples = 100000, kWindow = 8192;
  const BlockShuffle shape{32, kWindow};
  const auto order = block_shuffled(kSamples, shape, 17, 0);
  for (std::int64_t begin = 0; begin + kWindow <= kSamples; begin += kWindow) {
    std::vector<std::int64_t> window(order.begin() + begin, order.begin() + begin + kWindow);
    std::sort(window.begin(), window.end());
    std::int64_t stretches = 1;
    for (std::size_t i = 1; i < window.size(); ++i) stretches += window[i] != window[i - 1] + 1;
    CHECK(stretches <= kWindow / shape.block + 2);  // a block at each end is cut
  }
}

TEST_CASE(
    "a block shuffle moves samples as far as a global one, and mixes the classes of sorted shards as far as its window "
    "goes",
    "[batch]") {
  constexpr std::int64_t kSamples = 1281000, kPerClass = 1281, kBatch = 2048;
  const BlockShuffle shape{64, 32768};
  double moved = 0, correlation = 0, classes_in_batch = 0;
  const auto order = block_shuffled(kSamples, shape, 17, 0), next = block_shuffled(kSamples, shape, 17, 1);
  std::vector<double> place(kSamples);
  for (std::int64_t i = 0; i < kSamples; ++i) place[next[i]] = static_cast<double>(i);
  const double middle = (kSamples - 1) / 2.0, variance = (double{kSamples} * kSamples - 1) / 12;
  for (std::int64_t i = 0; i < kSamples; ++i) {
    moved += static_cast<double>(std::abs(order[i] - i)) / kSamples / kSamples;
    correlation += (static_cast<double>(i) - middle) * (place[order[i]] - middle) / variance / kSamples;
  }
  for (std::int64_t batch = 0; batch < kSamples / kBatch; ++batch) {
    std::set<std::int64_t> classes;
    for (std::int64_t i = batch * kBatch; i < (batch + 1) * kBatch; ++i) classes.insert(order[i] / kPerClass);
    classes_in_batch += static_cast<double>(classes.size()) * kBatch / kSamples;
  }
  CHECK(moved == Approx(1. / 3).margin(0.02));   // of the epoch, as two independent places differ
  CHECK(correlation == Approx(0).margin(0.05));  // between a sample's places in two epochs
  // The window has 512 blocks, one in twenty with two classes: 1000 * (1 - exp(-0.512 * 1.05)) = 416; of a global shuffle 871.
  CHECK(classes_in_batch > 380);
  CHECK(classes_in_batch < 440);
}

TEST_CASE("batches of a block shuffle are the same for any number of ranks, from the middle on, too", "[batch]") {
  constexpr std::int64_t kSamples = 1000, kBatch = 24, kFirst = 11;
  const EpochOrder order{.blocks = BlockShuffle{8, 100}, .seed = 17};
  const auto all = block_shuffled(kSamples, *order.blocks, 17, 5);
  for (const int ranks : {1, 2, 4, 8}) {
    std::vector<std::multiset<std::int64_t>> seen(kSamples / kBatch - kFirst);
    for (int rank = 0; rank < ranks; ++rank) {
      const BatchPlan plan = train_plan(kSamples, kBatch, rank, ranks, 5, kFirst, order);
      for (std::size_t i = 0; i < plan.samples.size(); ++i) seen[i / plan.batch_size].insert(plan.samples[i]);
      auto asked_for = plan.disk_order, read = plan.samples;
      std::sort(asked_for.begin(), asked_for.end());
      std::sort(read.begin(), read.end());
      CHECK(asked_for == read);
      // Runs of rising numbers are windows, of which the first and the last may be cut.
      std::int64_t falls = 0;
      for (std::size_t i = 1; i < plan.disk_order.size(); ++i) falls += plan.disk_order[i] < plan.disk_order[i - 1];
      CHECK(falls <= kSamples / 100);
    }
    for (std::size_t batch = 0; batch < seen.size(); ++batch) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>((kFirst + batch) * kBatch);
      CHECK(seen[batch] == std::multiset<std::int64_t>(begin, begin + kBatch));
    }
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
