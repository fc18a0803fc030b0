#include "preflight/rehearsal.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "device/device_batch.h"
#include "train/evaluate.h"
#include "train/gather_numbers.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSeconds = 2;  // of one measurement
constexpr int kWarmUp = 2;      // steps; and as many more as the loader needs to be ahead
constexpr double kWarmUpSeconds = 0.5;
constexpr int kLeastSteps = 3, kMostSteps = 60;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Of sorted numbers: the one that has `share` of them before it.
double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

std::vector<at::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  for (const auto& n : named) tensors.push_back(n.tensor);
  return tensors;
}

}  // namespace

Rehearsal::Rehearsal(const MpiSession& mpi, Run& run, Data& data)
    : mpi_(mpi),
      run_(run),
      data_(data),
      sam_(run.config.algorithms.sam),
      next_(data.train_shards->size() / mpi.size() / 2) {
  run_.config.algorithms.progressive_resizing.reset();
}

double Rehearsal::mean(double mine) const {
  double sum = 0;
  for (const auto& text : gather_texts(mosaic::str(mine))) sum += std::stod(text);
  return sum / mpi_.size();
}

double Rehearsal::largest(double mine) const {
  double most = mine;
  for (const auto& text : gather_texts(mosaic::str(mine))) most = std::max(most, std::stod(text));
  return most;
}

double Rehearsal::of_rank_0(double mine) const { return std::stod(gather_texts(mosaic::str(mine))[0]); }

/// Images of the first epoch, over and over: those that were not read for longest, since a run reads from the disk, too.
BatchPlan Rehearsal::plan(int side, std::int64_t images, std::int64_t batches) {
  const std::int64_t samples = data_.train_shards->size();
  const std::vector<std::int64_t> order =
      epoch_samples(samples, 0, order_of(run_.config.train_dataset, run_.config.seed));
  BatchPlan plan{.samples = {}, .batch_size = images, .epoch = 0};
  for (std::int64_t i = 0; i < batches * images; ++i)
    plan.samples.push_back(order[static_cast<std::size_t>(((next_ + i) * mpi_.size() + mpi_.rank()) % samples)]);
  next_ += batches * images;
  plan.sides.assign(static_cast<std::size_t>(batches), side);
  return plan;
}

StepCost Rehearsal::train(int side, std::int64_t images, bool sam) {
  run_.sam.reset();
  if (sam) {
    SamConfig each = *sam_;
    each.interval = 1;
    run_.sam.emplace(each, tensors_of(run_.net.parameters()));
  }
  data_.train_loader.start(plan(side, images, kMostSteps + kWarmUp + Loader::kUsualDepth + Loader::kSlabsInUse));
  std::vector<double> own;
  double network = 0, exchange = 0;
  const auto step = [&] {
    enter(run_, StepPart::kData);
    const HostBatch host = data_.train_loader.next();
    enter(run_, StepPart::kOther);
    const double before = run_.exchange.busy_seconds();
    train_step(run_, to_device(host, run_.net.device(), run_.net.type(), run_.net.layout()));
    enter(run_, StepPart::kOutside);
    const StepSeconds seconds = step_seconds(run_.laps.take(), run_.exchange.busy_seconds() - before);
    own.push_back(seconds.own() - seconds.data);
    network += seconds.exchange + seconds.collectives;
    exchange += seconds.exchange_busy;
  };
  const auto start = Clock::now();
  for (int i = 0; i < kWarmUp; ++i) step();
  double each = of_rank_0(seconds_since(start)) / kWarmUp;
  const int more =
      static_cast<int>(std::clamp(kWarmUpSeconds / each, 0.0, double{Loader::kUsualDepth + Loader::kSlabsInUse}));
  const auto warm = Clock::now();
  for (int i = 0; i < more; ++i) step();
  if (more > 0) each = of_rank_0(seconds_since(warm)) / more;
  own.clear(), network = 0, exchange = 0;
  const int steps = static_cast<int>(std::clamp(kSeconds / each, double{kLeastSteps}, double{kMostSteps}));
  for (int i = 0; i < steps; ++i) step();
  std::sort(own.begin(), own.end());
  // Not their median: a run consists of all its steps, slow ones too.
  const double average = std::accumulate(own.begin(), own.end(), 0.0) / steps;
  return {.side = side,
          .images = images,
          .sam = sam,
          .seconds = mean(average),
          .low = mean(std::min(quantile(own, 0.25), average)),
          .high = mean(std::max(quantile(own, 0.75), average)),
          .network = mean(network / steps),
          .exchange = mean(exchange / steps)};
}

StepCost Rehearsal::evaluation(std::int64_t images) {
  const BatchPlan whole = eval_plan(data_.eval_shards->size(), images * mpi_.size(), mpi_.rank(), mpi_.size());
  const auto seconds_of = [&](std::int64_t batches) {
    mpi_.barrier();
    const auto start = Clock::now();
    data_.eval_loader.start(whole);
    std::int64_t round = 0;
    const auto ask = [&] {
      gather_numbers(run_, {0.0, 0.0});
    };  // the ranks of a run agree on stopping before each batch
    evaluate(run_, [&]() -> std::optional<Batch> {
      HostBatch host;
      if (round < batches) {
        ask();
        ++round;
        host = data_.eval_loader.next();
      }
      if (!host) {
        for (; round < batches; ++round) ask();  // this rank has one batch less
        return std::nullopt;
      }
      return to_device(host, run_.net.device(), run_.net.type(), run_.net.layout());
    });
    return mean(seconds_since(start)) / static_cast<double>(batches);
  };
  // The same on all ranks: the first has the most.
  const auto all = static_cast<std::int64_t>(of_rank_0(static_cast<double>(whole.batches())));
  const double first = seconds_of(std::min<std::int64_t>(all, 2));
  const auto batches = std::clamp<std::int64_t>(static_cast<std::int64_t>(kSeconds / first), 1, all);
  std::vector<double> seconds;
  for (int i = 0; i < 3; ++i) seconds.push_back(seconds_of(batches));
  std::sort(seconds.begin(), seconds.end());
  return {.side = run_.config.eval_dataset.crop_size,
          .images = images,
          .sam = false,
          .seconds = seconds[1],
          .low = seconds[0],
          .high = seconds[2]};
}

double Rehearsal::load_seconds(int side, std::int64_t images) {
  mpi_.barrier();
  const auto most = std::max<std::int64_t>(20'000 / images, 10);
  data_.train_loader.start(plan(side, images, most));
  for (int i = 0; i < Loader::kUsualDepth; ++i) data_.train_loader.next();
  const auto start = Clock::now();
  std::int64_t batches = 0;
  while (batches < most - Loader::kUsualDepth && seconds_since(start) < kSeconds / 2) {
    data_.train_loader.next();
    ++batches;
  }
  const double seconds = seconds_since(start) / static_cast<double>(batches * images);
  data_.train_loader.start({});
  return mean(seconds);
}

void Rehearsal::read(double& seconds, double& bytes) {
  const BatchPlan some = plan(1, 1, 2000);
  std::vector<std::byte> buffer;
  std::int64_t images = 0;
  bytes = 0;
  const auto start = Clock::now();
  for (const std::int64_t sample : some.samples) {
    if (seconds_since(start) > kSeconds / 2) break;
    try {
      data_.train_shards->read(sample, buffer);
    } catch (const Error&) {  // the loader says which, or replaces it
      continue;
    }
    bytes += static_cast<double>(data_.train_shards->stored_bytes(sample));
    ++images;
  }
  const double count = static_cast<double>(std::max<std::int64_t>(images, 1));
  seconds = mean(seconds_since(start) / count);
  bytes = mean(bytes / count);
}

}  // namespace mosaic
