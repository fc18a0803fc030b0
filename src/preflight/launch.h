#pragma once

#include <optional>
#include <string>
#include <vector>

#include "comm/launcher.h"
#include "comm/mpi_session.h"
#include "preflight/table.h"
#include "train/open_ranks.h"

namespace mosaic {

/// Ranks and nodes: as many ranks as were started, equally many on each node.
/// @param host_of_rank  in the order of the ranks
Row ranks_row(const std::vector<std::string>& host_of_rank, const std::optional<Launcher>& started);
void check_ranks(const MpiSession& mpi, Table& table);

/// What one rank says of its processors.
struct RankCores {
  std::string host;
  int threads = 1;        // that it will use: cores_of_rank
  int online = 1;         // processors of its machine
  std::vector<int> cpus;  // that it may run on
};

/// Whether the ranks of a node get in each other's way, or leave most of it idle.
Row cores_row(const std::vector<RankCores>& ranks);
void check_cores(const MpiSession& mpi, Table& table);

/// GPUs or CPUs, one GPU per rank, and a group of ranks that works; nullopt after a bad row.
std::optional<Ranks> check_devices(const MpiSession& mpi, const Config& config, Table& table);

}  // namespace mosaic
