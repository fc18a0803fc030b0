#pragma once

#include <optional>

#include "comm/mpi_session.h"
#include "plan/calibration.h"
#include "preflight/table.h"
#include "train/data.h"
#include "train/open_ranks.h"
#include "train/run.h"

namespace mosaic {

/// What the other checks have found out already, on rank 0.
struct BeforeCalibration {
  double start_seconds = 0;       // what a run would have needed up to here
  double checkpoint_seconds = 0;  // to write one
  double first_step_seconds = 0;  // what the first step of all took more than others
  double memory = 0;              // resident bytes, before anything was read or trained
};

/// Measure what --plan predicts from, on all ranks, in a minute or two: steps of training at three sides of the recipe
/// (the full one and half of it without progressive resizing) and two batch sizes, with the loader at work; loading alone; evaluation; sums
/// over the ranks. A step that takes long is measured with fewer images than the run has. `run` is of no use after that. Collective.
/// @return on all ranks; nullopt after a bad row
std::optional<Calibration> calibrate(const MpiSession& mpi, const Ranks& ranks, Run& run, Data& data, int threads,
                                     const BeforeCalibration& before, Table& table);

}  // namespace mosaic
