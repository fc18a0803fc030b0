#include "preflight/rehearsal.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "batch/sampler.h"
#include "device/device_batch.h"
#include "train/evaluate.h"
#include "train/gather_numbers.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSeconds = 3;  // of one measurement, all rounds of it together
constexpr int kRounds = 6;
constexpr double kLongStep = 0.5;   // seconds: of longer ones there are fewer
constexpr int kRoundsOfLong = 3;    // of one step each
constexpr int kSettle = 2;          // steps that begin a round and do not count: another shape was trained before
constexpr int kMostSteps = 40;      // of a round
constexpr double kLongestWait = 1;  // seconds for the loader to get ahead

struct Spread {
  double mean = 0, low = 0, high = 0;
};

/// Of all but the fastest and the slowest round: where something else has run for a second, that is in one of them.
Spread without_extremes(std::vector<double> rounds) {
  std::sort(rounds.begin(), rounds.end());
  if (rounds.size() > 2) rounds = {rounds.begin() + 1, rounds.end() - 1};
  return {std::accumulate(rounds.begin(), rounds.end(), 0.0) / static_cast<double>(rounds.size()), rounds.front(),
          rounds.back()};
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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

void Rehearsal::begin(const StepSize& size, int steps) {
  run_.sam.reset();
  if (size.sam) {
    SamConfig each = *sam_;
    each.interval = 1;
    run_.sam.emplace(each, tensors_of(run_.net.parameters()));
  }
  data_.train_loader.start(plan(size.side, size.images, steps + Loader::kUsualDepth + Loader::kSlabsInUse));
  // As in a run, where the loader makes one batch a step because the others are ready.
  const double each = load_seconds_.contains(size.side) ? load_seconds_[size.side] : 0;
  const double until_ahead = each * static_cast<double>(size.images * Loader::kUsualDepth);
  std::this_thread::sleep_for(std::chrono::duration<double>(std::min(until_ahead, kLongestWait)));
  mpi_.barrier();
}

StepSeconds Rehearsal::step() {
  enter(run_, StepPart::kData);
  const HostBatch host = data_.train_loader.next();
  enter(run_, StepPart::kOther);
  const double before = run_.exchange.busy_seconds();
  train_step(run_, to_device(host, run_.net.device(), run_.net.type(), run_.net.layout()));
  if (run_.ema) {  // as at the end of the run, where the average has long begun
    const Progress now{.epoch = run_.total_batches / run_.batches_per_epoch, .batch = run_.total_batches + ++trained_};
    run_.ema->after_batch(now, 1, run_.net.batches_tracked());
  }
  enter(run_, StepPart::kOutside);
  return step_seconds(run_.laps.take(), run_.exchange.busy_seconds() - before);
}

double Rehearsal::few_steps(const StepSize& size) {
  begin(size, 2 * kSettle);
  for (int i = 0; i < kSettle; ++i) step();
  const auto start = Clock::now();
  for (int i = 0; i < kSettle; ++i) step();
  return of_rank_0(seconds_since(start)) / kSettle;
}

/// The first step of this process at `size`, and how the rounds will be.
Rehearsal::Rounds Rehearsal::begin_rounds(const StepSize& size) {
  Rounds rounds{.size = size, .count = kRounds, .settle = kSettle};
  begin(size, 1 + 2 * kSettle);
  const StepSeconds first = step();
  step();
  StepSeconds later;
  for (int i = 0; i < kSettle; ++i) later = later + step();
  later = later / kSettle;
  rounds.first = std::max(first.own() - first.data - (later.own() - later.data), 0.0);
  const double each = std::max(of_rank_0(later.whole()), 1e-6);
  if (each > kLongStep) {
    rounds.count = kRoundsOfLong;
    rounds.settle = 1;
  } else {
    rounds.steps = static_cast<int>(std::clamp(std::ceil(kSeconds / kRounds / each), 1.0, double{kMostSteps}));
  }
  return rounds;
}

void Rehearsal::add_round(Rounds& rounds) {
  begin(rounds.size, rounds.settle + rounds.steps);
  for (int i = 0; i < rounds.settle; ++i) step();
  StepSeconds sum;
  for (int i = 0; i < rounds.steps; ++i) sum = sum + step();
  rounds.means.push_back(sum / rounds.steps);
}

StepCost Rehearsal::cost_of(const Rounds& rounds) const {
  std::vector<double> own, network, exchange;
  for (const StepSeconds& round : rounds.means) {
    own.push_back(mean(round.own() - round.data));
    network.push_back(mean(round.exchange + round.collectives));
    exchange.push_back(mean(round.exchange_busy));
  }
  const Spread seconds = without_extremes(own);
  return {.side = rounds.size.side,
          .images = rounds.size.images,
          .sam = rounds.size.sam,
          .seconds = seconds.mean,
          .low = seconds.low,
          .high = seconds.high,
          .first = mean(rounds.first),
          .network = without_extremes(network).mean,
          .exchange = without_extremes(exchange).mean};
}

std::vector<StepCost> Rehearsal::train(const std::vector<StepSize>& sizes) {
  std::vector<Rounds> all;
  for (const StepSize& size : sizes) all.push_back(begin_rounds(size));
  for (int round = 0; round < kRounds; ++round)
    for (Rounds& rounds : all)
      if (round < rounds.count) add_round(rounds);
  std::vector<StepCost> costs;
  for (const Rounds& rounds : all) costs.push_back(cost_of(rounds));
  return costs;
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
  // Full batches, as rank 0 has them.
  const EvalEpoch epoch{data_.eval_shards->size(), images * mpi_.size(), mpi_.size()};
  const std::int64_t all = std::max<std::int64_t>(epoch.rank_samples(0) / images, 1);
  const std::int64_t few = std::min<std::int64_t>(all, 2);
  const double first = seconds_of(few), second = seconds_of(few);
  const auto batches = std::clamp<std::int64_t>(static_cast<std::int64_t>(kSeconds / kRounds / second), 1, all);
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) rounds.push_back(seconds_of(batches));
  const Spread seconds = without_extremes(rounds);
  return {.side = run_.config.eval_dataset.crop_size,
          .images = images,
          .sam = false,
          .seconds = seconds.mean,
          .low = seconds.low,
          .high = seconds.high,
          .first = std::max((first - second) * static_cast<double>(few), 0.0)};
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
  return load_seconds_[side] = mean(seconds);
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
