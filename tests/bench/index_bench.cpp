/// What a set of as many samples as ImageNet costs before it is trained on: index_bench FOLDER [SAMPLES]
/// Makes SAMPLES (default 1,281,167) images of one pixel in FOLDER, in shards of 5,000, unless they are there, and prints one line of JSON:
/// seconds to open them, bytes of the index, seconds until the first batch of epoch 0 and of the middle of epoch 7.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "batch/loader.h"
#include "batch/sampler.h"
#include "shards/shard_index.h"
#include "shards/shard_writer.h"

namespace mosaic {
namespace {

constexpr std::int64_t kPerShard = 5000, kBatch = 256, kClasses = 1000;

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void make(const std::string& folder, std::int64_t samples) {
  std::vector<std::string> classes;
  for (int i = 0; i < kClasses; ++i) classes.push_back(str("n", 10000000 + i));
  std::vector<std::string> parts;
  for (std::int64_t first = 0; first < samples; first += kPerShard) {
    ShardWriter writer("train", classes);
    for (std::int64_t i = first; i < std::min(samples, first + kPerShard); ++i) {
      const std::byte pixel[3] = {std::byte(i), std::byte(i >> 8), std::byte(i >> 16)};
      writer.add({StoredKind::kPixels, 1, 1, pixel}, static_cast<std::int32_t>(i % kClasses),
                 str(classes[i % kClasses], "/", classes[i % kClasses], "_", i, ".JPEG"));
    }
    parts.push_back(str(folder, "/part-", first / kPerShard));
    writer.write(parts.back());
  }
  finish_shards(parts, folder, "train");
}

/// Seconds until the first batch of a plan is there, the making of the plan included.
double first_batch(Loader& loader, std::int64_t samples, std::int64_t epoch, std::int64_t first) {
  const Clock clock;
  loader.start(train_plan(samples, kBatch, 0, 1, epoch, first));
  loader.next();
  return clock.seconds();
}

int run(const std::string& folder, std::int64_t samples) {
  if (!std::filesystem::exists(folder + "/train-00000.h5")) {
    std::filesystem::create_directories(folder);
    make(folder, samples);
  }
  const Clock opening;
  const auto shards = std::make_shared<const ShardSet>(folder, "train");
  const double opened = opening.seconds();
  const std::size_t bytes = ShardIndex::make(folder, "train").size();
  TrainDatasetConfig config;
  config.crop_size = 8;
  Loader loader(shards, View(config, std::nullopt, 17), 2);
  const double first = first_batch(loader, shards->size(), 0, 0);
  const double middle = first_batch(loader, shards->size(), 7, shards->size() / kBatch / 2);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"samples\": %lld, \"shards\": %d, \"open_seconds\": %.3f, \"index_bytes\": %zu, \"first_batch_seconds\": "
      "%.3f, "
      "\"middle_of_epoch_7_seconds\": %.3f, \"peak_memory_bytes\": %lld}\n",
      static_cast<long long>(shards->size()), shards->shard_count(), opened, bytes, first, middle,
      static_cast<long long>(usage.ru_maxrss) * 1024);
  return kExitDone;
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: index_bench FOLDER [SAMPLES]\n");
    return mosaic::kExitBadInput;
  }
  try {
    return mosaic::run(argv[1], argc > 2 ? std::stoll(argv[2]) : 1281167);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "index_bench: %s\n", e.what());
    return mosaic::kExitCrash;
  }
}
