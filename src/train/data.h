#pragma once

#include "comm/process_group.h"
#include "config/config.h"
#include "train/train.h"

namespace mosaic {

/// Open both splits, check them against the configuration, start their reading threads.
/// Collective over the ranks of a node, which share the tables of the shards.
/// @param threads  for each split
/// @throws Error naming the folder, shard or key, what was found and what was expected
std::unique_ptr<Data> open_data(const Config& config, int threads, NodeMemory& memory);

/// Global batch sizes that the ranks can share evenly, micro-batches that fit in.
/// @throws Error naming the key
void check_batch_sizes(const Config& config, int ranks);

}  // namespace mosaic
