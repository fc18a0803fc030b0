#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "train/checkpoint_files.h"
#include "train/run.h"
#include "train/tensor_file.h"

namespace mosaic {

/// A checkpoint is a folder, ep10-ba6250 (epochs and batches done), that holds all that a bit-exact continuation needs:
///   weights.safetensors    parameters and buffers of the net under torchvision's names, as rank 0 has them
///   ema.safetensors        the average of both under the same names: what a run with EMA evaluates; absent without one
///   optimizer.safetensors  momentum under the parameters' names; absent before the first step
///   ranks.safetensors      running statistics of the other ranks, "3.bn1.running_mean", and of their averages,
///                          "3.ema.bn1.running_mean"; absent with one rank
///   state.json             progress, the state of EMA, SAM and the gradient scaler, seed, seconds, numbers of ranks and classes, the configuration, the data set's fingerprint
///   MANIFEST.json          sizes and checksums of all of them: checkpoint_files.h
/// `latest` beside it is a link to the newest one. Random numbers need no state: they are functions of seed and progress.

/// All that a checkpoint will hold, as it was at one moment.
struct CheckpointCopy {
  std::string name;  // "ep10-ba6250"
  TensorFile weights, average, momentum, ranks;
  std::string state;  // JSON

  std::uint64_t bytes() const;
  /// All files but MANIFEST.json, each synced, into `folder`, which is there and empty.
  WrittenFiles write(const std::string& folder) const;
};

/// Collective: buffers are gathered.
/// @param data_fingerprint  of the training shards
/// @param copy              on rank 0, where the copy goes; nullptr on the others
void copy_for_checkpoint(Run& run, const std::string& data_fingerprint, CheckpointCopy* copy);

/// Take over all that the newest whole checkpoint under `path` holds (find_checkpoint). Collective: rank 0 chooses, each rank reads by itself.
/// @param path  a checkpoint, or a folder of checkpoints
/// @throws Error naming file, tensor, what was found and what was expected; `run` is unusable then
void load_checkpoint(const std::string& path, Run& run, const std::string& data_fingerprint);

/// Take over weights, momentum and averages of the checkpoint `folder`, but not its place: the run goes on where it is. Collective.
/// @param folder  rank 0's word counts
void load_weights(const std::string& folder, Run& run, const std::string& data_fingerprint);

}  // namespace mosaic
