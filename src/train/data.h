#pragma once

#include "base/node_memory.h"
#include "comm/process_group.h"
#include "config/config.h"
#include "train/train.h"

namespace mosaic {

/// Open both splits, check them against the configuration, start their reading threads.
/// Collective over the ranks of a node, which share the tables of the shards.
/// @param ranks    that share a batch
/// @param threads  for each split
/// @throws Error naming the folder, shard or key, what was found and what was expected
std::unique_ptr<Data> open_data(const Config& config, int ranks, int threads, NodeMemory& memory);

/// How many batches of `batch_bytes` a loader may have ready or in work, for loader_memory.
/// @throws Error if it is not enough for one, beside those in use
int loader_depth(std::optional<double> loader_memory, std::int64_t batch_bytes);

/// Global batch sizes that the ranks can share evenly, micro-batches that fit in.
/// @throws Error naming the key
void check_batch_sizes(const Config& config, int ranks);

}  // namespace mosaic
