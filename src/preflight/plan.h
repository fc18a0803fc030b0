#pragma once

#include <optional>

#include "comm/mpi_session.h"
#include "preflight/data.h"
#include "preflight/table.h"
#include "train/run.h"

namespace mosaic {

/// Some training steps, at the full image side, on `reading.batch`, over and over; `run` is of no use after that. On CPUs with up to 16 images of it.
/// @return images per second of all ranks, as fast as reading allows; none after a bad row
std::optional<double> measure_training(const MpiSession& mpi, Run& run, const ReadRate& reading, Table& table);

/// The time that the run needs against the time that the job has.
/// @param images_per_second  of training
/// @param seconds_left       of the job; none: no limit is known
Row time_row(const Run& run, std::int64_t eval_images, double images_per_second, std::optional<double> seconds_left);

}  // namespace mosaic
