#pragma once

#include <string>
#include <vector>

#include "train/run.h"

namespace mosaic {

/// A checkpoint is a folder, ep10-ba6250 (epochs and batches done), that holds all that a bit-exact continuation needs:
///   weights.safetensors    parameters and buffers of the net under torchvision's names, as rank 0 has them
///   ema.safetensors        the average of both under the same names: what a run with EMA evaluates; absent without one
///   optimizer.safetensors  momentum under the parameters' names; absent before the first step
///   ranks.safetensors      running statistics of the other ranks, "3.bn1.running_mean", and of their averages,
///                          "3.ema.bn1.running_mean"; absent with one rank
///   state.json             progress, the state of EMA, SAM and the gradient scaler, seed, seconds, numbers of ranks and classes, the configuration, the data set's fingerprint
/// `latest` beside it is a link to the newest one. Random numbers need no state: they are functions of seed and progress.

/// "ep10-ba6250"
std::string checkpoint_name(const Progress& now);

/// Write a checkpoint of `run` to `folder` and let `latest` point to it: under a temporary name, synced, then renamed, so
/// that a crash at any point leaves either the old state or the new one. Collective; rank 0 writes.
/// @param data_fingerprint  of the training shards
/// @return the path of the checkpoint
/// @throws Error naming the path and the system's reason
std::string save_checkpoint(Run& run, const std::string& folder, const std::string& data_fingerprint);

/// Take over all that a checkpoint holds. Each rank reads it by itself.
/// @param path  a checkpoint, or a folder of checkpoints with `latest`
/// @throws Error naming file, tensor, what was found and what was expected; `run` is unusable then
void load_checkpoint(const std::string& path, Run& run, const std::string& data_fingerprint);

/// Refuse to train where later checkpoints lie: checkpoints in `folder` with more epochs or batches than `now`.
/// @throws Error naming the first of them and what to do
void refuse_to_overwrite(const std::string& folder, const Progress& now);

/// Deletes the oldest of `paths` until `keep` are left (-1: keep all).
void delete_old_checkpoints(std::vector<std::string>& paths, int keep);

}  // namespace mosaic
