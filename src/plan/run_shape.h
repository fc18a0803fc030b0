#pragma once

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "config/config.h"

namespace mosaic {

/// Steps of a run that cost the same.
struct StepKind {
  int side = 0;       // pixels that the net sees
  int load_side = 0;  // that the loader makes
  bool sam = false;   // of two passes
  std::int64_t steps = 0;
};

/// What a run will do, counted: a function of its configuration, the data sets and the number of ranks.
struct RunShape {
  int ranks = 1;
  std::int64_t rank_batch = 0;  // images of a rank in a step
  std::int64_t batches_per_epoch = 0, total_batches = 0;
  std::vector<StepKind> steps;  // together total_batches
  std::int64_t evaluations = 0;
  std::int64_t eval_rank_batch = 0, eval_batches = 0;  // of the rank with the most, in each evaluation
  std::int64_t eval_last_batch = 0;                    // images in the last of them, at most eval_rank_batch
  std::int64_t checkpoints = 0;                        // written
  std::int64_t checkpoints_kept = 0;                   // most that lie there at the same time
};

/// @throws Error if the ranks cannot share a batch evenly, or the data set has not one full batch
RunShape run_shape(const Config& config, std::int64_t train_images, std::int64_t eval_images, int ranks);

/// How many evaluations there will be after `now`: one at each multiple of `interval`, and one at the end.
std::int64_t evaluations_left(const Duration& interval, const Progress& now, std::int64_t batches_per_epoch,
                              std::int64_t total_batches);
/// Of a whole run, the one before training included.
std::int64_t evaluations_of(const Config& config, std::int64_t batches_per_epoch, std::int64_t total_batches);
/// Most that lie in save_folder at the same time.
std::int64_t checkpoints_kept(const Config& config, std::int64_t batches_per_epoch, std::int64_t total_batches);

}  // namespace mosaic
