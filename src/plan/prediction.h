#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "plan/calibration.h"
#include "plan/estimate.h"
#include "plan/run_shape.h"
#include "plan/step_model.h"

namespace mosaic {

/// What a run will take, predicted. Times are seconds.
struct Prediction {
  RunShape shape;
  Placement where;
  std::string calibrated;  // "2 ranks on 1 node (node17, cpu), 8 threads each, version 0.9.0"

  StepTimes step;        // the mean one
  std::string limiting;  // "read", "decode", "compute" or "network"
  Estimate epoch;        // training alone, mean
  Estimate train, evaluation,
      total;                   // all of the run: steps, evaluations, and these with starts and the last checkpoint
  Estimate images_per_second;  // trained, of all ranks
  double needed_bytes_per_second = 0;  // of all ranks, from the shards, in the fastest steps
  Estimate readable_bytes_per_second;  // of all ranks, as fast as they read when calibrated
  Estimate rank_memory;                // bytes, resident on the host
  double checkpoint_bytes = 0;         // of one, counted
  std::optional<Estimate> jobs;        // one after the other; none: no time_limit
  Estimate node_hours;
};

/// Bytes of one checkpoint in the last epoch of a run: weights, momentum, each rank's statistics, and where the recipe keeps averages
/// those of weights and statistics.
double checkpoint_bytes(const Config& config, double parameter_bytes, double statistics_bytes, int ranks);

/// Bytes of a rank's training batches, those that its loader makes and those in use.
double train_loader_bytes(const Config& config, int ranks);

/// The run of `config` on `ranks` ranks.
/// @param ranks_per_node  0: as calibrated
/// @throws Error: see choose_basis, run_shape; and if time_limit leaves no time to train
Prediction predict(const Config& config, const std::vector<Calibration>& calibrations, int ranks,
                   int ranks_per_node = 0);

}  // namespace mosaic
