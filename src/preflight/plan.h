#pragma once

#include <optional>

#include "comm/mpi_session.h"
#include "preflight/data.h"
#include "preflight/table.h"
#include "train/run.h"

namespace mosaic {

/// Of all ranks together.
struct TrainRate {
  double images_per_second = 0;   // as fast as reading allows
  double first_step_seconds = 0;  // what the first step of the process took more than those after it
};

/// Some training steps, at the full image side, on `reading.batch`, over and over; `run` is of no use after that. On CPUs with up to 16 images of it.
/// @return none after a bad row
std::optional<TrainRate> measure_training(const MpiSession& mpi, Run& run, const ReadRate& reading, Table& table);

/// The time that the run needs against the time that the job has.
/// @param images_per_second  of training
/// @param seconds_left       of the job; none: no limit is known
Row time_row(const Run& run, std::int64_t eval_images, double images_per_second, std::optional<double> seconds_left);

}  // namespace mosaic
