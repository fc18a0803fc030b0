#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace mosaic {

/// What one rank says of the GPU that it would take.
struct RankGpu {
  std::string host;
  int gpus = 0;      // visible to the rank
  std::string uuid;  // of the one that it would take; "" if there is none
};

/// True: all ranks compute on their GPUs; false: all on their CPUs. The same on all ranks, since all see the same answers.
/// @param sharing_allowed  NCCL_MULTI_RANK_GPU_ENABLE=1: ranks may share a GPU
/// @throws Error where `gpu` is asked for and a rank has none, where `auto` would mix nodes with and without GPUs, or where
/// two ranks would share a GPU; it names the hosts and says what to change
bool use_gpus(DeviceChoice choice, const std::vector<RankGpu>& ranks, bool sharing_allowed);

/// The index of the GPU that a rank takes: its place on its node, or the only GPU that the launcher lets it see.
int gpu_of(int local_rank, int visible_gpus);

}  // namespace mosaic
