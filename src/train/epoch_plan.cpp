#include "train/epoch_plan.h"

#include <algorithm>

#include "batch/resize_schedule.h"

namespace mosaic {

BatchPlan epoch_plan(const Run& run, std::int64_t samples, const Progress& now) {
  const TrainDatasetConfig& dataset = run.config.train_dataset;
  BatchPlan plan = train_plan(samples, dataset.batch_size, run.ranks.rank(), run.ranks.size(), now.epoch,
                              now.batch_in_epoch, order_of(dataset, run.config.seed));
  const auto& resizing = run.config.algorithms.progressive_resizing;
  if (!resizing || resizing->mode != ResizeMode::kLoader) return plan;
  for (std::int64_t i = 0; i < plan.batches(); ++i) {
    const Progress then{.epoch = now.epoch, .batch = now.batch + i};
    plan.sides.push_back(loader_side(*resizing, dataset.crop_size, std::min(elapsed(run, then), 1.0)));
  }
  return plan;
}

}  // namespace mosaic
