#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/team.h"
#include "preprocess/split_source.h"
#include "preprocess/storage.h"

namespace mosaic {

/// preprocess pack SOURCE OUT
struct PackOptions : SourceOptions {
  std::string out;
  std::vector<std::string> splits = {};  // empty: train and val, which both must be there
  std::int64_t skip_bad = 0;             // most files that may be left out
  std::uint64_t shard_size = std::uint64_t{1} << 30;
  Storage storage = {};  // of the split val: without max_side
  int threads = 0;       // of each process; 0: one for each core that it has
  bool overwrite = false;
  bool json = false;  // instead of the table
};

/// Images in folders or archives to shards, the work shared by the processes of `team`. All bad files are listed on standard error, of all splits,
/// before it fails or goes on; nothing gets its final name if there are more than `skip_bad`. The first process prints a table of what
/// was packed.
/// @return the exit code
int pack(const PackOptions& options, Team& team);

}  // namespace mosaic
