#include "batch/batch_plan.h"

#include "batch/sampler.h"

namespace mosaic {

std::int64_t BatchPlan::batches() const {
  return (static_cast<std::int64_t>(samples.size()) + batch_size - 1) / batch_size;
}

BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first) {
  const TrainEpoch shape{samples, global_batch, ranks};
  const std::vector<std::int64_t> order = shuffled(samples, epoch);
  BatchPlan plan{.samples = {}, .batch_size = shape.rank_batch(), .epoch = epoch};
  for (std::int64_t batch = first; batch < shape.batches(); ++batch)
    for (std::int64_t i = 0; i < plan.batch_size; ++i) plan.samples.push_back(order[shape.position(batch, rank, i)]);
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
