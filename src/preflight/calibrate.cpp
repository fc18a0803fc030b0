#include "preflight/calibrate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "base/version.h"
#include "device/gpu.h"
#include "plan/prediction.h"
#include "plan/run_shape.h"
#include "preflight/rehearsal.h"
#include "preflight/storage.h"
#include "train/flat_gradients.h"

namespace mosaic {
namespace {

constexpr std::int64_t kFewImages = 8;
constexpr double kLongestStep = 1.5;  // seconds: a larger batch is not measured

/// Three sides of the run, or the full one and half of it: the smallest, one in the middle, the largest.
std::set<int> sides_to_measure(const RunShape& shape, int full) {
  std::set<int> sides;
  for (const StepKind& kind : shape.steps) sides.insert(kind.side);
  sides.insert(full);
  if (sides.size() == 1) return {(full + 1) / 2, full};
  const int least = *sides.begin(), most = *sides.rbegin();
  const double middle = (static_cast<double>(least) * least + static_cast<double>(most) * most) / 2;
  const auto distance = [&](int side) { return std::abs(static_cast<double>(side) * side - middle); };
  const int between =
      *std::min_element(sides.begin(), sides.end(), [&](int a, int b) { return distance(a) < distance(b); });
  return {least, between, most};
}

/// As many images as one measurement may take, up to `most`. @param seconds  that `few` take
std::int64_t affordable(double seconds, std::int64_t few, std::int64_t most) {
  return std::clamp(static_cast<std::int64_t>(kLongestStep * static_cast<double>(few) / seconds), few, most);
}

/// Images of a rank, two numbers of them, the larger one that of the run unless its steps would take too long.
std::vector<std::int64_t> batches_to_measure(Rehearsal& rehearsal, int full, std::int64_t rank_batch) {
  const std::int64_t few = std::min(kFewImages, rank_batch);
  const std::int64_t large = affordable(rehearsal.few_steps({full, few}), few, rank_batch);
  const std::int64_t small = std::max(large / 2, std::min<std::int64_t>(large, 2));  // batch norm wants two
  return small == large ? std::vector{large} : std::vector{small, large};
}

/// Median of five, after one that sets up connections.
ExchangeCost exchange_cost(const Ranks& ranks, double bytes) {
  const at::Tensor numbers = at::zeros({std::max<std::int64_t>(static_cast<std::int64_t>(bytes / 4), 1)},
                                       at::TensorOptions(ranks.device).dtype(at::kFloat));
  std::vector<double> seconds;
  for (int i = 0; i < 6; ++i) {
    ranks.group->barrier();
    const auto start = std::chrono::steady_clock::now();
    ranks.group->all_reduce_sum(buffer_of(numbers));
    ranks.group->barrier();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin() + 1, seconds.end());
  return {4.0 * static_cast<double>(numbers.numel()), seconds[3]};
}

double gradient_bytes(const Run& run) { return parameter_bytes(run) / (run.config.bf16_gradient_exchange ? 2 : 1); }

/// @throws Error if shards are still to be fetched: the time of that is not what steps cost
void check_that_all_is_here(const Data& data) {
  const auto all = [](const auto& remote, const ShardSet& shards) {
    return !remote || remote->here() == shards.shard_count();
  };
  if (!all(data.train_remote, *data.train_shards) || !all(data.eval_remote, *data.eval_shards))
    throw Error("not all shards are on this node yet: calibrate when a run has fetched them");
}

void measure_steps(const Run& run, Rehearsal& rehearsal, const RunShape& shape, Calibration& c) {
  const int full = run.config.train_dataset.crop_size;
  const std::set<int> sides = sides_to_measure(shape, full);
  const auto batches = batches_to_measure(rehearsal, full, shape.rank_batch);
  take_peak_resident_bytes();
  std::vector<StepSize> sizes;
  for (const int side : sides) {
    c.loading.push_back({side, rehearsal.load_seconds(side, batches.back())});
    for (const std::int64_t images : batches) sizes.push_back({side, images});
    if (run.config.algorithms.sam) sizes.push_back({side, batches.back(), true});
  }
  c.steps = rehearsal.train(sizes);
  c.memory_after = rehearsal.largest(static_cast<double>(take_peak_resident_bytes()));
  const std::int64_t few = std::min(kFewImages, shape.eval_rank_batch);
  const StepCost very_first = rehearsal.evaluation(few);
  const std::int64_t large = affordable(very_first.seconds, few, shape.eval_rank_batch);
  for (const std::int64_t images : std::set{std::max<std::int64_t>(large / 2, 1), large}) {
    c.evaluation.push_back(rehearsal.evaluation(images));
    c.evaluation.back().first = very_first.first;  // the process has evaluated before
  }
}

}  // namespace

std::optional<Calibration> calibrate(const MpiSession& mpi, const Ranks& ranks, Run& run, Data& data, int threads,
                                     const BeforeCalibration& before, Table& table) {
  const bool on_gpu = run.net.device().is_cuda();
  Calibration c{
      .version = version(),
      .host = gather_texts(mpi.host())[0],
      .device = on_gpu ? gpu_name(run.net.device().index()) : "cpu",
      .config = run.config.yaml,
      .precision = name_of(run.config.precision.value_or(default_precision(on_gpu))),
      .fused_layers = run.config.fused_layers,
      .ranks = mpi.size(),
      .nodes = mpi.nodes(),
      .threads = threads,
      .train_images = data.train_shards->size(),
      .eval_images = data.eval_shards->size(),
      .gradient_bytes = gradient_bytes(run),
      .parameter_bytes = parameter_bytes(run),
      .statistics_bytes = statistics_bytes(run),
      .checkpoint_bytes = checkpoint_bytes(run.config, parameter_bytes(run), statistics_bytes(run), mpi.size()),
      .checkpoint_seconds = before.checkpoint_seconds,
      .start_seconds = before.start_seconds,
      .first_step_seconds = before.first_step_seconds,
      .memory_before = before.memory};
  if (!table.passes("calibration", [&] { check_that_all_is_here(data); })) return std::nullopt;
  const bool passed = table.passes("calibration", [&] {
    const RunShape shape = run_shape(run.config, c.train_images, c.eval_images, mpi.size());
    Rehearsal rehearsal(mpi, run, data);
    rehearsal.read(c.read_seconds, c.image_bytes);
    measure_steps(run, rehearsal, shape, c);
    c.memory_after = std::max(c.memory_after - train_loader_bytes(run.config, mpi.size()), c.memory_before);
    if (mpi.size() > 1)
      for (const double bytes :
           std::set{4096.0, static_cast<double>(run.config.gradient_bucket_bytes), c.gradient_bytes})
        c.exchange.push_back(exchange_cost(ranks, bytes));
  });
  if (!passed) return std::nullopt;
  const StepCost& last = c.steps.back();
  table.add({.name = "calibration",
             .found = mosaic::str(c.steps.size(), " kinds of steps; ", last.images, " images of side ", last.side,
                                  " per rank: ", decimals(last.seconds + last.network, 3), " s")});
  return c;
}

}  // namespace mosaic
