#include "batch/loader.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "batch/sampler.h"
#include "catch.h"
#include "shards/shard_writer.h"
#include "support.h"

namespace mosaic {
namespace {

/// 40 images of noise in sizes from 20 to 59 pixels, labels 0 to 3, in two shards; `broken`: those that claim to be JPEGs.
class SmallSet {
 public:
  explicit SmallSet(std::int64_t broken = -1, std::int64_t broken_too = -1) {
    std::vector<std::string> parts;
    for (int shard = 0; shard < 2; ++shard) {
      ShardWriter writer("train", {"a", "b", "c", "d"});
      for (std::int64_t i = shard * 20; i < shard * 20 + 20; ++i) {
        KeyedRandom random{static_cast<std::uint64_t>(i)};
        std::vector<std::byte> pixels(static_cast<std::size_t>((20 + i) * (59 - i) * 3));
        for (std::byte& b : pixels) b = static_cast<std::byte>(random());
        const StoredKind kind = i == broken || i == broken_too ? StoredKind::kJpegFile : StoredKind::kPixels;
        writer.add({kind, static_cast<int>(20 + i), static_cast<int>(59 - i), pixels}, static_cast<std::int32_t>(i % 4),
                   str("x/", i));
      }
      parts.push_back(folder_ / str("part", shard));
      writer.write(parts.back());
    }
    finish_shards(parts, folder_.path(), "train");
    shards = std::make_shared<const ShardSet>(folder_.path(), "train");
  }

  std::shared_ptr<const ShardSet> shards;

 private:
  test::TemporaryFolder folder_;
};

View train_view(std::uint64_t seed = 17) {
  TrainDatasetConfig config;
  config.crop_size = 16;
  return View(config, std::nullopt, seed);
}

/// Everything that a loader gives for `plan`, batch by batch.
std::vector<Slab> read_all(Loader& loader, BatchPlan plan) {
  std::vector<Slab> batches;
  loader.start(std::move(plan));
  while (const HostBatch batch = loader.next()) batches.push_back(*batch);
  return batches;
}

bool same(const Slab& a, const Slab& b) { return a.side == b.side && a.images == b.images && a.labels == b.labels; }

TEST_CASE("one, two and four threads give the same batches", "[batch]") {
  const SmallSet set;
  Loader one(set.shards, train_view(), 1);
  const auto expected = read_all(one, train_plan(40, 8, 0, 1, 3, 0));
  REQUIRE(expected.size() == 5);
  CHECK(expected[0].images.size() == 8 * 16 * 16 * 3);
  for (const int threads : {2, 4}) {
    Loader many(set.shards, train_view(), threads, 1 + threads / 2);
    const auto batches = read_all(many, train_plan(40, 8, 0, 1, 3, 0));
    REQUIRE(batches.size() == expected.size());
    for (std::size_t i = 0; i < batches.size(); ++i) CHECK(same(batches[i], expected[i]));
  }
}

TEST_CASE("one, two and four ranks see the same pixels of each sample", "[batch]") {
  const SmallSet set;
  std::vector<std::multimap<std::vector<std::uint8_t>, std::int64_t>> seen;
  for (const int ranks : {1, 2, 4}) {
    auto& images = seen.emplace_back();
    for (int rank = 0; rank < ranks; ++rank) {
      Loader loader(set.shards, train_view(), 2);
      for (const Slab& batch : read_all(loader, train_plan(40, 8, rank, ranks, 0, 0)))
        for (std::int64_t i = 0; i < batch.size; ++i) {
          const auto* first = batch.images.data() + i * 16 * 16 * 3;
          images.emplace(std::vector<std::uint8_t>(first, first + 16 * 16 * 3), batch.labels[i]);
        }
    }
  }
  CHECK(seen[0].size() == 40);
  CHECK(seen[1] == seen[0]);
  CHECK(seen[2] == seen[0]);
}

TEST_CASE("an image that is of no use is replaced by the one behind it, by any number of threads and ranks",
          "[batch]") {
  const SmallSet whole, broken(13);
  Loader reference(whole.shards, train_view(), 1);
  BatchPlan plan = train_plan(40, 8, 0, 1, 0, 0);
  BatchPlan expected_plan = plan;
  std::replace(expected_plan.samples.begin(), expected_plan.samples.end(), 13, 14);
  const auto expected = read_all(reference, expected_plan);
  for (const int threads : {1, 4}) {
    Loader loader(broken.shards, train_view(), threads);
    loader.replace_bad_samples(1);
    const auto batches = read_all(loader, plan);
    REQUIRE(batches.size() == expected.size());
    for (std::size_t i = 0; i < batches.size(); ++i) CHECK(same(batches[i], expected[i]));
    read_all(loader, plan);
    CHECK(loader.replaced() == 1);  // the same image in another epoch is no other one
  }
}

TEST_CASE("more images of no use than allowed end the run, and say which", "[batch]") {
  const SmallSet broken(13, 30);
  Loader loader(broken.shards, train_view(), 2);
  loader.replace_bad_samples(1);
  const std::string message = test::message_of([&] { read_all(loader, {.samples = {13, 30}, .batch_size = 1}); });
  CHECK(message.ends_with(": bad_sample_limit allows 1 images to be replaced, and this is one more"));
}

/// Of a set whose second shard never comes.
class HalfOfTheShards : public Arrivals {
 public:
  std::uint64_t wait_for(int shard) override {
    if (shard == 1) throw NotArrived("the server is away", kExitCrash);
    return 0;
  }
  bool is_here(int shard) const override { return shard == 0; }
  bool has_stayed(int, std::uint64_t) const override { return true; }
};

TEST_CASE("an image that does not come is no bad one, and not replaced by one that is there", "[batch]") {
  const SmallSet set;
  set.shards->wait_for(std::make_shared<HalfOfTheShards>());
  Loader loader(set.shards, train_view(), 2);
  loader.replace_bad_samples(10);
  const auto read = [&] {
    read_all(loader, {.samples = {39}, .batch_size = 1});
  };  // behind it: 0 to 19, which are here
  CHECK(test::message_of(read) == "the server is away");
  CHECK(loader.replaced() == 0);
  try {
    read();
  } catch (const Error& e) {
    CHECK(e.exit_code() == kExitCrash);
  }
}

TEST_CASE("a run that goes on with another number of ranks sees every image of the epoch once", "[batch]") {
  constexpr std::int64_t kSamples = 500, kBatch = 24;
  const auto order = shuffled(kSamples, 7);
  const std::vector<int> ranks_in_turn = {1, 2, 3, 4, 8};
  const TrainEpoch shape{kSamples, kBatch, 1};
  for (const int before : ranks_in_turn)
    for (const int after : ranks_in_turn)
      for (const std::int64_t stop : {std::int64_t{0}, std::int64_t{1}, std::int64_t{11}, shape.batches()}) {
        std::vector<std::int64_t> seen;
        const auto see = [&](int ranks, std::int64_t first, std::int64_t end) {
          for (int rank = 0; rank < ranks; ++rank) {
            const BatchPlan plan = train_plan(kSamples, kBatch, rank, ranks, 7, first);
            seen.insert(seen.end(), plan.samples.begin(), plan.samples.begin() + (end - first) * plan.batch_size);
          }
        };
        see(before, 0, stop);
        see(after, stop, shape.batches());
        std::sort(seen.begin(), seen.end());
        std::vector<std::int64_t> expected(order.begin(), order.begin() + shape.batches() * kBatch);
        std::sort(expected.begin(), expected.end());
        CHECK(seen == expected);
      }
}

TEST_CASE("another epoch or seed gives other crops", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(17), 2), other(set.shards, train_view(18), 2);
  BatchPlan plan{.samples = {5, 6, 7}, .batch_size = 3, .epoch = 0};
  const auto first = read_all(loader, plan), again = read_all(loader, plan), seed = read_all(other, plan);
  plan.epoch = 1;
  const auto next = read_all(loader, plan);
  CHECK(same(first[0], again[0]));
  CHECK_FALSE(same(first[0], next[0]));
  CHECK_FALSE(same(first[0], seed[0]));
}

TEST_CASE("a run that continues in the middle of an epoch reads the rest of it, and nothing else", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 2);
  const auto whole = read_all(loader, train_plan(40, 8, 0, 1, 2, 0)),
             rest = read_all(loader, train_plan(40, 8, 0, 1, 2, 3));
  REQUIRE(rest.size() == 2);
  CHECK(same(rest[0], whole[3]));
  CHECK(same(rest[1], whole[4]));
}

TEST_CASE("epochs that follow one another give the batches that they give alone, their first ones being ready",
          "[batch]") {
  const SmallSet set;
  for (const int threads : {1, 3}) {
    Loader alone(set.shards, train_view(), 2), loader(set.shards, train_view(), threads);
    const auto plan_of = [](std::int64_t epoch) { return train_plan(40, 8, 0, 1, epoch, 0); };
    loader.start(train_plan(40, 8, 0, 1, 0, 2), [&] { return plan_of(1); });
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
      const auto expected = read_all(alone, epoch == 0 ? train_plan(40, 8, 0, 1, 0, 2) : plan_of(epoch));
      if (epoch > 0 && epoch < 3) loader.go_on([&, epoch] { return plan_of(epoch + 1); });
      if (epoch == 3) loader.go_on();
      for (const Slab& one : expected) {
        const HostBatch batch = loader.next();
        REQUIRE(batch);
        CHECK(same(*batch, one));
      }
      CHECK_FALSE(loader.next());
      CHECK_FALSE(loader.next());
    }
    loader.start(plan_of(5), [&] { return plan_of(6); });
    loader.next();
    CHECK(same(read_all(loader, plan_of(0))[0], read_all(alone, plan_of(0))[0]));  // what followed is dropped
  }
}

TEST_CASE("a plan that cannot be made is told when it is due", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 2);
  loader.start({.samples = {1, 2}, .batch_size = 2}, []() -> BatchPlan { throw Error("no plan"); });
  CHECK(loader.next());
  CHECK_FALSE(loader.next());
  CHECK(test::message_of([&] { loader.go_on(); }) == "no plan");
}

TEST_CASE("each batch has the side that its plan asks for, and shows the same crops", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 2);
  const BatchPlan full{.samples = {1, 2, 3, 4}, .batch_size = 2};
  BatchPlan small = full;
  small.sides = {8, 16};
  const auto whole = read_all(loader, full), mixed = read_all(loader, small);
  CHECK(mixed[0].side == 8);
  CHECK(mixed[0].images.size() == 2 * 8 * 8 * 3);
  CHECK(same(mixed[1], whole[1]));
  double difference = 0;  // of the means, in levels: the same part of the image, in fewer pixels
  for (std::size_t i = 0; i < whole[0].images.size(); ++i) difference += whole[0].images[i] / 1536.0;
  for (std::size_t i = 0; i < mixed[0].images.size(); ++i) difference -= mixed[0].images[i] / 384.0;
  CHECK(std::abs(difference) < 3);
}

TEST_CASE("RandAugment changes training images, the same in every epoch of the same number", "[batch]") {
  const SmallSet set;
  TrainDatasetConfig config;
  config.crop_size = 16;
  Loader plain(set.shards, train_view(), 2), augmented(set.shards, View(config, RandAugmentConfig{}, 17), 2);
  const BatchPlan plan{.samples = {5, 6, 7, 8, 9, 10}, .batch_size = 6};
  const auto before = read_all(plain, plan), after = read_all(augmented, plan), again = read_all(augmented, plan);
  CHECK_FALSE(same(before[0], after[0]));
  CHECK(same(after[0], again[0]));
}

TEST_CASE("evaluation keeps its last, smaller batch", "[batch]") {
  const SmallSet set;
  DatasetConfig config{.resize_size = 20, .crop_size = 16};
  Loader loader(set.shards, View(config), 2);
  const auto batches = read_all(loader, eval_plan(40, 16, 0, 1));
  REQUIRE(batches.size() == 3);
  CHECK(batches[2].size == 8);
  CHECK(batches[0].labels[1] == 1);
}

TEST_CASE("a new plan drops what is left of the old one", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 3);
  for (int i = 0; i < 50; ++i) {
    loader.start(train_plan(40, 8, 0, 1, i, 0));
    const HostBatch batch = loader.next();
    CHECK(batch->size == 8);
  }
  const BatchPlan plan{.samples = {1, 2}, .batch_size = 2};
  CHECK(read_all(loader, plan)[0].labels == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("a batch outlives its loader", "[batch]") {
  const SmallSet set;
  HostBatch batch;
  {
    Loader loader(set.shards, train_view(), 2);
    loader.start(train_plan(40, 8, 0, 1, 0, 0));
    batch = loader.next();
  }
  CHECK(batch->labels.size() == 8);
}

TEST_CASE("an image that cannot be decoded is named where its batch is asked for, and ends the plan", "[batch]") {
  const SmallSet set(23);
  Loader loader(set.shards, train_view(), 2);
  const BatchPlan plan{.samples = {1, 2, 22, 23, 4, 5}, .batch_size = 2};
  loader.start(plan);
  CHECK(loader.next()->labels == std::vector<std::int64_t>{1, 2});
  const std::string message = test::message_of([&] { loader.next(); });
  CHECK_THAT(message, Catch::StartsWith("sample 23 (train-00001.h5, image 3, x/23): "));
  CHECK(loader.next() == nullptr);
  CHECK(read_all(loader, {.samples = {1}, .batch_size = 1}).size() == 1);
}

TEST_CASE("a loader tells which batch of which epoch it begins, also in the middle of one", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 2);
  std::vector<std::pair<std::int64_t, std::int64_t>> told;
  loader.tell([&](std::int64_t epoch, std::int64_t batch) { told.emplace_back(epoch, batch); });
  read_all(loader, train_plan(40, 8, 0, 1, 3, 2));
  CHECK(told == std::vector<std::pair<std::int64_t, std::int64_t>>{{3, 2}, {3, 3}, {3, 4}});
}

TEST_CASE("an empty plan has no batches, and waiting is counted", "[batch]") {
  const SmallSet set;
  Loader loader(set.shards, train_view(), 1);
  CHECK(loader.next() == nullptr);
  CHECK(read_all(loader, BatchPlan{}).empty());
  read_all(loader, train_plan(40, 40, 0, 1, 0, 0));
  CHECK(loader.waited_seconds() > 0);
}

}  // namespace
}  // namespace mosaic
