#include "preprocess/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include "base/cpu.h"
#include "base/error.h"
#include "batch/loader.h"
#include "batch/sampler.h"
#include "packed/kernel_choice.h"
#include "preprocess/split_summary.h"
#include "preprocess/stage_times.h"

namespace mosaic {
namespace {

constexpr std::int64_t kBatch = 256;
constexpr std::uint64_t kSeed = 17;
constexpr double kStageSeconds = 2;  // for the stages, unless less time is asked for

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

/// One epoch, each of `samples` once, each batch let go at once.
void run_epoch(Loader& loader, BatchPlan plan, Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  const double processor = processor_seconds();
  const auto bytes = loader.bytes_read();
  loader.start(std::move(plan));
  while (const HostBatch batch = loader.next()) work.images += batch->size;
  ++work.epochs;
  work.bytes += static_cast<double>(loader.bytes_read() - bytes);
  work.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  work.processor += processor_seconds() - processor;
}

/// All samples of an epoch in its order; only those that are stored as `kind`, if given.
BatchPlan plan_of(const ShardSet& shards, std::int64_t epoch, std::optional<StoredKind> kind) {
  BatchPlan plan{.samples = shuffled(shards.size(), epoch), .epoch = epoch};
  if (kind) std::erase_if(plan.samples, [&](std::int64_t sample) { return shards.kind(sample) != *kind; });
  plan.batch_size = std::min(kBatch, static_cast<std::int64_t>(plan.samples.size()));
  return plan;
}

std::string json(const StageTimes& stages) {
  char text[256];
  std::snprintf(text, sizeof text,
                R"({"images": %lld, "read": %.1f, "checksum": %.1f, "decode": %.1f, "resize": %.1f})",
                static_cast<long long>(stages.images), stages.read * 1e6, stages.checksum * 1e6, stages.decode * 1e6,
                stages.resize * 1e6);
  return text;
}

}  // namespace

int bench(const BenchOptions& options) {
  const auto shards = std::make_shared<const ShardSet>(options.out, options.split);
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  const BatchPlan first_plan = plan_of(*shards, 0, options.kind);
  if (first_plan.samples.empty())
    throw Error(
        str("--kind: none of the ", shards->size(), " images of ", options.out, " (", options.split, ") is stored so"));
  TrainDatasetConfig config;
  config.crop_size = options.side;
  if (options.half) config.decode = Decode::kHalf;
  const View view(config, std::nullopt, kSeed);

  Work first, later;
  {
    Loader loader(shards, view, threads);
    const auto measure = [&](std::int64_t epoch, Work& work) {
      if (options.cold) shards->drop_from_page_cache();
      run_epoch(loader, epoch == 0 ? first_plan : plan_of(*shards, epoch, options.kind), work);
    };
    measure(0, first);
    for (std::int64_t epoch = 1; later.seconds < options.seconds; ++epoch) measure(epoch, later);
  }
  const StageTimes stages =
      time_stages(shards, view, first_plan.samples, options.side, std::min(options.seconds, kStageSeconds));

  const SplitSummary s = summarize(*shards);
  std::printf(
      R"({"side": %d, "threads": %d, "kernels": "%s", "half": %s, "cold": %s, "samples": %lld, "packed": %lld, )"
      R"("whole": %lld, "pixels": %lld, "stored_bytes": %llu, "first_epoch": %s, "later_epochs": %s, )"
      R"("stage_microseconds": %s})"
      "\n",
      options.side, threads, best_kernels().name, options.half ? "true" : "false", options.cold ? "true" : "false",
      static_cast<long long>(s.images), static_cast<long long>(s.packed), static_cast<long long>(s.jpegs),
      static_cast<long long>(s.pixels), static_cast<unsigned long long>(s.bytes), first.json().c_str(),
      later.json().c_str(), json(stages).c_str());
  return kExitDone;
}

}  // namespace mosaic
