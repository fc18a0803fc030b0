#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "comm/mpi_session.h"
#include "comm/process_group.h"
#include "config/config.h"

namespace mosaic {

/// The ranks of the job and the device of this one.
struct Ranks {
  std::unique_ptr<ProcessGroup> group;
  at::Device device;
};

/// Agree on GPUs or CPUs (device_choice.h), take this rank's GPU, start NCCL or MPI's group. Collective.
/// @throws Error on all ranks alike
Ranks open_ranks(const MpiSession& mpi, const Config& config);

}  // namespace mosaic
