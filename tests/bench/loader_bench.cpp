/// How the training loader runs through epochs, with nothing or a pause behind each batch:
///
///     loader_bench SHARDS [--split train] [--side 224] [--threads 1] [--batch 256] [--epochs 5] [--step-ms 0] [--window 4]
///
/// One line of JSON. `images_per_second` and `images_per_cpu_second` are medians over spans of 2 * window batches within epochs,
/// `boundary_...` those of the spans with the end of an epoch in their middle; `boundary_dip` is what is lost there, as a share.
/// `waited_seconds` is what the consumer waited after the first batch. `memory_bytes` is the process's own memory (no files) at the end
/// of each epoch, beyond what it had before the loader was made; `stated_bytes` what the loader says that it has at most.
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "batch/loader.h"
#include "packed/kernel_choice.h"

namespace mosaic {
namespace {

constexpr std::uint64_t kSeed = 17;

struct Options {
  std::string shards, split = "train";
  int side = 224, threads = 1;
  std::int64_t batch = 256, epochs = 5;
  double step_ms = 0;
  std::int64_t window = 4;  // batches on each side of a boundary
};

std::optional<Options> parse(int argc, char** argv) {
  Options o;
  CLI::App app("The training loader's rate, dips and memory.", "loader_bench");
  app.add_option("SHARDS", o.shards)->required();
  app.add_option("--split", o.split);
  app.add_option("--side", o.side)->check(CLI::Range(1, 4096));
  app.add_option("--threads", o.threads)->check(CLI::Range(1, 1024));
  app.add_option("--batch", o.batch)->check(CLI::PositiveNumber);
  app.add_option("--epochs", o.epochs)->check(CLI::PositiveNumber);
  app.add_option("--step-ms", o.step_ms)->check(CLI::NonNegativeNumber);
  app.add_option("--window", o.window)->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    throw Error(e.what());
  }
  return o;
}

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Pages that belong to the process alone.
std::int64_t own_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (std::int64_t kibibytes = 0; word == "RssAnon:" && status >> kibibytes) return kibibytes * 1024;
  throw Error("/proc/self/status: no RssAnon");
}

/// When a batch had been handed over.
struct Moment {
  double wall, processor;
};

/// Medians over spans of batches.
class Rates {
 public:
  void add(const Moment& from, const Moment& to, std::int64_t images) {
    const auto count = static_cast<double>(images);
    wall_.push_back(count / (to.wall - from.wall));
    processor_.push_back(count / std::max(to.processor - from.processor, 1e-9));
  }
  double per_second() { return median(wall_); }
  double per_processor_second() { return median(processor_); }

 private:
  static double median(std::vector<double>& values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }
  std::vector<double> wall_, processor_;
};

struct Run {
  std::vector<Moment> batches;  // of all epochs
  std::vector<std::int64_t> memory;
  std::int64_t stated = 0;
  double first_batch_seconds = 0, waited = 0;
  std::int64_t batches_per_epoch = 0;
};

Run run_epochs(const Options& o, const std::shared_ptr<const ShardSet>& shards) {
  Run run;
  const auto plan = [&](std::int64_t epoch) { return train_plan(shards->size(), o.batch, 0, 1, epoch, 0); };
  run.batches_per_epoch = plan(0).batches();
  if (run.batches_per_epoch == 0) throw Error(str("got ", shards->size(), " images, expected at least one batch"));
  run.batches.reserve(static_cast<std::size_t>(run.batches_per_epoch * o.epochs));

  const std::int64_t memory_before = own_memory_bytes();
  const double begin = seconds_of(CLOCK_MONOTONIC);
  TrainDatasetConfig config;
  config.crop_size = o.side;
  const View view(config, std::nullopt, kSeed);
  Loader loader(shards, view, o.threads);
  run.stated = (Loader::kUsualDepth + Loader::kSlabsInUse) * Loader::batch_bytes(o.batch, o.side) +
               o.threads * Loader::thread_bytes(*shards, view);
  double waited_for_first = 0;
  for (std::int64_t epoch = 0; epoch < o.epochs; ++epoch) {
    Loader::MakePlan following;
    if (epoch + 1 < o.epochs) following = [&plan, next = epoch + 1] { return plan(next); };
    if (epoch == 0) {
      loader.start(plan(0), std::move(following));
    } else {
      loader.go_on(std::move(following));
    }
    while (const HostBatch batch = loader.next()) {
      run.batches.push_back({seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)});
      if (run.batches.size() == 1) {
        run.first_batch_seconds = run.batches.front().wall - begin;
        waited_for_first = loader.waited_seconds();
      }
      if (o.step_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(o.step_ms));
    }
    run.memory.push_back(own_memory_bytes() - memory_before);
  }
  run.waited = loader.waited_seconds() - waited_for_first;
  return run;
}

int bench(const Options& o) {
  const auto shards = std::make_shared<const ShardSet>(o.shards, o.split);
  const Run run = run_epochs(o, shards);

  // The first epoch reads whole images and fills the caches: it does not count.
  Rates steady, boundary;
  const std::int64_t span = 2 * o.window, count = static_cast<std::int64_t>(run.batches.size());
  const auto add = [&](Rates& rates, std::int64_t first) {
    rates.add(run.batches[static_cast<std::size_t>(first)], run.batches[static_cast<std::size_t>(first + span)],
              span * o.batch);
  };
  for (std::int64_t epoch = 1; epoch < o.epochs; ++epoch) {
    const std::int64_t begin = epoch * run.batches_per_epoch, end = begin + run.batches_per_epoch;
    for (std::int64_t first = begin + o.window; first + span < end - o.window; first += span) add(steady, first);
    // From the handing over of batch i to that of i + span: the boundary lies between batches end - 1 and end.
    if (const std::int64_t first = end - 1 - o.window; first >= 0 && first + span < count) add(boundary, first);
  }
  std::string memory;
  for (const std::int64_t bytes : run.memory) memory += str(memory.empty() ? "" : ", ", bytes);
  const double rate = steady.per_second(), at_boundary = boundary.per_second();
  std::printf(R"({"samples": %lld, "side": %d, "threads": %d, "batch": %lld, "epochs": %lld, "kernels": "%s", )"
              R"("images_per_second": %.1f, "images_per_cpu_second": %.1f, "boundary_images_per_second": %.1f, )"
              R"("boundary_images_per_cpu_second": %.1f, "boundary_dip": %.4f, "first_batch_seconds": %.4f, )"
              R"("waited_seconds": %.4f, "memory_bytes": [%s], "stated_bytes": %lld})"
              "\n",
              static_cast<long long>(shards->size()), o.side, o.threads, static_cast<long long>(o.batch),
              static_cast<long long>(o.epochs), best_kernels().name, rate, steady.per_processor_second(), at_boundary,
              boundary.per_processor_second(), rate > 0 ? 1 - at_boundary / rate : 0, run.first_batch_seconds,
              run.waited, memory.c_str(), static_cast<long long>(run.stated));
  return kExitDone;
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  try {
    const auto options = mosaic::parse(argc, argv);
    return options ? mosaic::bench(*options) : mosaic::kExitDone;
  } catch (const mosaic::Error& e) {
    std::cerr << "loader_bench: " << e.what() << "\n";
    return e.exit_code();
  }
}
