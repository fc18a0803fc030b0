#pragma once

#include <mpi.h>

#include <memory>

#include "comm/background_mean.h"

namespace mosaic {

/// Means over the ranks of `ranks`, a communicator that outlives them, in host memory. Says in the log where MPI leaves nothing to the background.
std::unique_ptr<BackgroundMean> mpi_background_mean(MPI_Comm ranks, WireType wire);

}  // namespace mosaic
