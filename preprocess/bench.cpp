#include "preprocess/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/cpu.h"
#include "base/error.h"
#include "batch/loader.h"
#include "batch/sampler.h"
#include "packed/kernel_choice.h"
#include "preprocess/split_summary.h"

namespace mosaic {
namespace {

constexpr std::int64_t kBatch = 256;
constexpr std::uint64_t kSeed = 17;

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// What a while of loading took.
struct Work {
  std::int64_t epochs = 0, images = 0;
  double bytes = 0, seconds = 0, processor = 0;

  std::string json() const {
    char text[256];
    std::snprintf(text, sizeof text,
                  R"({"epochs": %lld, "images": %lld, "images_per_second": %.1f, "images_per_cpu_second": %.1f, )"
                  R"("bytes_per_second": %.0f, "bytes_per_image": %.0f})",
                  static_cast<long long>(epochs), static_cast<long long>(images), static_cast<double>(images) / seconds,
                  static_cast<double>(images) / processor, bytes / seconds, bytes / static_cast<double>(images));
    return text;
  }
};

/// One epoch, every image once, each batch let go at once.
void run_epoch(Loader& loader, std::int64_t samples, std::int64_t epoch, Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  const double processor = processor_seconds();
  const auto bytes = loader.bytes_read();
  loader.start(
      {.samples = shuffled(samples, epoch), .batch_size = std::min(kBatch, samples), .epoch = epoch, .sides = {}});
  while (const HostBatch batch = loader.next()) work.images += batch->size;
  ++work.epochs;
  work.bytes += static_cast<double>(loader.bytes_read() - bytes);
  work.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  work.processor += processor_seconds() - processor;
}

}  // namespace

int bench(const BenchOptions& options) {
  const auto shards = std::make_shared<const ShardSet>(options.out, options.split);
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  TrainDatasetConfig config;
  config.crop_size = options.side;
  Loader loader(shards, View(config, std::nullopt, kSeed), threads);

  Work first, later;
  run_epoch(loader, shards->size(), 0, first);
  for (std::int64_t epoch = 1; later.seconds < options.seconds; ++epoch)
    run_epoch(loader, shards->size(), epoch, later);

  const SplitSummary s = summarize(*shards);
  std::printf(R"({"side": %d, "threads": %d, "kernels": "%s", "samples": %lld, "packed": %lld, "whole": %lld, )"
              R"("pixels": %lld, "stored_bytes": %llu, "first_epoch": %s, "later_epochs": %s})"
              "\n",
              options.side, threads, best_kernels().name, static_cast<long long>(s.images),
              static_cast<long long>(s.packed), static_cast<long long>(s.jpegs), static_cast<long long>(s.pixels),
              static_cast<unsigned long long>(s.bytes), first.json().c_str(), later.json().c_str());
  return kExitDone;
}

}  // namespace mosaic
