#include "plan/run_shape.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "batch/resize_schedule.h"
#include "batch/sampler.h"

namespace mosaic {
namespace {

std::int64_t batches_in(const Duration& duration, std::int64_t batches_per_epoch) {
  return static_cast<std::int64_t>(duration.value) *
         (duration.unit == TimeUnit::kEpoch ? batches_per_epoch : std::int64_t{1});
}

/// How often a multiple of `interval` is passed, the end counted in any case.
std::int64_t times(const Duration& interval, std::int64_t batches_per_epoch, std::int64_t total_batches) {
  const std::int64_t every = batches_in(interval, batches_per_epoch);
  return total_batches / every + (total_batches % every == 0 ? 0 : 1);
}

/// Sides at `elapsed`, as training has them: {of the net, of the loader}.
std::pair<int, int> sides_at(const Config& config, double elapsed) {
  const int full = config.train_dataset.crop_size;
  const auto& resizing = config.algorithms.progressive_resizing;
  if (!resizing) return {full, full};
  if (resizing->mode == ResizeMode::kDeviceNearest)
    return {nearest_size(full, nearest_scale(*resizing, full, elapsed)), full};
  const int side = loader_side(*resizing, full, std::min(elapsed, 1.0));
  return {side, side};
}

std::vector<StepKind> step_kinds(const Config& config, std::int64_t batches_per_epoch, std::int64_t total_batches) {
  std::map<std::tuple<int, int, bool>, std::int64_t> count;
  // The side changes with the unit of max_duration.
  const bool in_epochs = config.max_duration.unit == TimeUnit::kEpoch;
  const std::int64_t stretch = in_epochs ? batches_per_epoch : 1;
  for (std::int64_t begin = 0; begin < total_batches; begin += stretch) {
    const std::int64_t end = std::min(begin + stretch, total_batches);
    const auto [side, load_side] = sides_at(config, static_cast<double>(begin) / static_cast<double>(total_batches));
    const std::int64_t every = config.algorithms.sam ? config.algorithms.sam->interval : total_batches + 1;
    const std::int64_t sam = end / every - begin / every;  // the last of every so many
    if (sam > 0) count[{side, load_side, true}] += sam;
    if (sam < end - begin) count[{side, load_side, false}] += end - begin - sam;
  }
  std::vector<StepKind> kinds;
  for (const auto& [kind, steps] : count)
    kinds.push_back({std::get<0>(kind), std::get<1>(kind), std::get<2>(kind), steps});
  return kinds;
}

void check_shared(const char* key, std::int64_t batch, int ranks) {
  if (batch % ranks == 0) return;
  throw Error(str(key, ": got ", batch, " on ", ranks, " ranks, expected a multiple of the number of ranks"));
}

}  // namespace

RunShape run_shape(const Config& config, std::int64_t train_images, std::int64_t eval_images, int ranks) {
  check_shared("train_dataset.batch_size", config.train_dataset.batch_size, ranks);
  check_shared("eval_dataset.batch_size", config.eval_dataset.batch_size, ranks);
  const TrainEpoch epoch{train_images, config.train_dataset.batch_size, ranks};
  const EvalEpoch evaluation{eval_images, config.eval_dataset.batch_size, ranks};
  RunShape shape{
      .ranks = ranks,
      .rank_batch = epoch.rank_batch(),
      .batches_per_epoch = epoch.batches(),
      .eval_rank_batch = std::min(evaluation.rank_batch(), std::max<std::int64_t>(evaluation.rank_samples(0), 1)),
      .eval_batches = evaluation.batches(0),
      .eval_last_batch = evaluation.batch_size(evaluation.batches(0) - 1, 0)};
  if (shape.batches_per_epoch == 0)
    throw Error(str("train_dataset.batch_size: got ", config.train_dataset.batch_size, ", but the training set has ",
                    train_images, " images: expected at most that"));
  if (!config.is_train) {
    shape.evaluations = 1;
    return shape;
  }
  const Duration& length = config.max_duration;
  shape.total_batches = batches_in(length, shape.batches_per_epoch);
  shape.steps = step_kinds(config, shape.batches_per_epoch, shape.total_batches);
  shape.evaluations = evaluations_of(config, shape.batches_per_epoch, shape.total_batches);
  shape.checkpoints = times(config.save_interval, shape.batches_per_epoch, shape.total_batches);
  shape.checkpoints_kept = checkpoints_kept(config, shape.batches_per_epoch, shape.total_batches);
  return shape;
}

std::int64_t evaluations_left(const Duration& interval, const Progress& now, std::int64_t batches_per_epoch,
                              std::int64_t total_batches) {
  if (now.batch >= total_batches) return 0;
  // A run that goes on at the last batch of an epoch has that epoch's end before it.
  const std::int64_t done = interval.unit == TimeUnit::kEpoch ? now.epoch * batches_per_epoch : now.batch;
  const std::int64_t every = batches_in(interval, batches_per_epoch);
  return times(interval, batches_per_epoch, total_batches) - done / every;
}

std::int64_t evaluations_of(const Config& config, std::int64_t batches_per_epoch, std::int64_t total_batches) {
  return (config.initial_evaluation ? 1 : 0) +
         evaluations_left(config.eval_interval, {}, batches_per_epoch, total_batches);
}

std::int64_t checkpoints_kept(const Config& config, std::int64_t batches_per_epoch, std::int64_t total_batches) {
  const std::int64_t written = times(config.save_interval, batches_per_epoch, total_batches);
  const int keep = config.save_num_checkpoints_to_keep;
  // An old one goes when the new one is there.
  return keep < 0 ? written : std::min<std::int64_t>(keep + 1, written);
}

}  // namespace mosaic
