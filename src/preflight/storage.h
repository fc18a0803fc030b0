#pragma once

#include <cstdint>
#include <string>

#include "comm/mpi_session.h"
#include "config/config.h"
#include "preflight/table.h"
#include "train/run.h"

namespace mosaic {

/// Bytes of the net's weights, and of one rank's statistics of batch norm: what checkpoint_bytes() counts with.
double parameter_bytes(const Run& run);
double statistics_bytes(const Run& run);

/// Write a file as large as a checkpoint to save_folder and delete it, compare what is free with what the run will keep, and look
/// from every rank whether it sees the file; write a small one to log_folder. Nothing is left behind, no folder either.
/// @return seconds of writing the checkpoint, on rank 0
double check_folders(const MpiSession& mpi, const Run& run, Table& table);

}  // namespace mosaic
