#include "batch/batch_plan.h"

#include <algorithm>

namespace mosaic {
namespace {

/// Each window's samples of this rank in the order of the shards.
void set_disk_order(BatchPlan& plan, const TrainEpoch& shape, int rank, std::int64_t first, std::int64_t window) {
  plan.disk_order = plan.samples;
  // The whole window before it is begun, and some time for its reads.
  plan.ahead = (window + window / 4) / shape.ranks;
  const auto end = plan.disk_order.end();
  std::int64_t i = 0;
  const auto window_of = [&](std::int64_t place) {
    return shape.position(first + place / plan.batch_size, rank, place % plan.batch_size) / window;
  };
  for (auto begin = plan.disk_order.begin(); begin != end;) {
    auto next = begin;
    for (const std::int64_t number = window_of(i); next != end && window_of(i) == number; ++next) ++i;
    std::sort(begin, next);
    begin = next;
  }
}

}  // namespace

EpochOrder order_of(const TrainDatasetConfig& config, std::uint64_t seed) {
  if (config.shuffle == Shuffle::kGlobal) return {};
  return {.blocks = BlockShuffle{config.shuffle_block, config.shuffle_window}, .seed = seed};
}

std::vector<std::int64_t> epoch_samples(std::int64_t samples, std::int64_t epoch, const EpochOrder& order) {
  return order.blocks ? block_shuffled(samples, *order.blocks, order.seed, epoch) : shuffled(samples, epoch);
}

std::int64_t BatchPlan::batches() const {
  return (static_cast<std::int64_t>(samples.size()) + batch_size - 1) / batch_size;
}

BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first, const EpochOrder& order) {
  const TrainEpoch shape{samples, global_batch, ranks};
  const std::vector<std::int64_t> all = epoch_samples(samples, epoch, order);
  BatchPlan plan{.samples = {}, .batch_size = shape.rank_batch(), .epoch = epoch, .first = first};
  plan.samples.reserve(static_cast<std::size_t>(std::max<std::int64_t>(0, shape.batches() - first) * plan.batch_size));
  for (std::int64_t batch = first; batch < shape.batches(); ++batch)
    for (std::int64_t i = 0; i < plan.batch_size; ++i) plan.samples.push_back(all[shape.position(batch, rank, i)]);
  if (order.blocks) set_disk_order(plan, shape, rank, first, order.blocks->window);
  return plan;
}

BatchPlan eval_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks) {
  const EvalEpoch shape{samples, global_batch, ranks};
  BatchPlan plan{.samples = {}, .batch_size = shape.rank_batch(), .epoch = 0};
  for (std::int64_t batch = 0; batch < shape.batches(rank); ++batch)
    for (std::int64_t i = 0; i < shape.batch_size(batch, rank); ++i)
      plan.samples.push_back(shape.position(batch, rank, i));
  return plan;
}

}  // namespace mosaic
