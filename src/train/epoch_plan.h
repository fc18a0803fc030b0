#pragma once

#include "batch/batch_plan.h"
#include "train/run.h"

namespace mosaic {

/// This rank's batches of the epoch of `now` from there on, each with its side. Reads nothing of `run` that changes in training.
/// @param samples  of the training set
BatchPlan epoch_plan(const Run& run, std::int64_t samples, const Progress& now);

}  // namespace mosaic
