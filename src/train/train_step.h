#pragma once

#include <cstdint>
#include <vector>

#include "device/device_batch.h"
#include "train/run.h"

namespace mosaic {

/// Sizes of the micro-batches of `n` images: as equal as possible from the front, none above `most`; 8 by 3 -> 3, 3, 2.
std::vector<std::int64_t> micro_batches(std::int64_t n, std::int64_t most);

/// What a step tells, over all ranks.
struct StepResult {
  double loss = 0;      // mean over the ranks of each rank's mean loss, on the targets as trained with
  double accuracy = 0;  // top-1 of the training-mode logits
};

/// One optimizer step on this rank's part of the global batch: forward and backward per micro-batch, mean of the gradients
/// over the ranks, update. Reads `run.now.batch`, changes weights, momentum and running statistics, not `run.now`.
/// Collective. At its start all ranks take over rank 0's running statistics, which is the history that counts
/// (recipes section 7.5).
StepResult train_step(Run& run, const Batch& batch);

}  // namespace mosaic
