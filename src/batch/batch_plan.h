#pragma once

#include <cstdint>
#include <vector>

namespace mosaic {

/// Which samples a rank reads for one batch after the other.
struct BatchPlan {
  std::vector<std::int64_t> samples;  // in order; all batches of this rank
  std::int64_t batch_size = 1;        // the last batch may be smaller
  std::int64_t epoch = 0;             // for the random draws
  std::vector<int> sides;             // of each batch in pixels, up to the view's; empty: the view's for all

  std::int64_t batches() const;
};

/// All batches of `rank` in training epoch `epoch`, from batch `first` on: a run that continues in the middle of an epoch
/// reads nothing that it throws away.
BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first);
BatchPlan eval_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks);

}  // namespace mosaic
