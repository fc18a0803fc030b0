#pragma once

#include <memory>

#include "comm/mpi_session.h"
#include "preflight/table.h"
#include "train/data.h"

namespace mosaic {

/// Open both splits on every rank, which reads every shard's tables, as a run does; the same data on all ranks, since each node
/// may have a copy of its own. nullptr after a bad row.
std::unique_ptr<Data> check_shards(const MpiSession& mpi, const Config& config, int threads, Table& table);

/// Read up to 64 images of every shard, spread over it, and compare their checksums. The ranks of a node share the shards, so
/// that every node's copy is looked at.
void check_checksums(const MpiSession& mpi, const Data& data, Table& table);

/// Of all ranks together.
struct ReadRate {
  double images_per_second = 0;
  HostBatch batch;  // the last one of this rank, full size and full side
};

/// Read, decode and crop as training does, with all its threads, for some seconds. A batch of nullptr after a bad row.
ReadRate measure_reading(const MpiSession& mpi, const Config& config, Data& data, Table& table);

}  // namespace mosaic
