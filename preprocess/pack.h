#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// preprocess pack SOURCE OUT
struct PackOptions {
  std::string source;
  std::string out;
  std::vector<std::string> splits = {};  // empty: train and val, which both must be there
  std::int64_t skip_bad = 0;             // most files that may be left out
  std::uint64_t shard_size = std::uint64_t{1} << 30;
  bool keep_files = false;  // JPEG files are stored whole, not packed
  int threads = 0;          // 0: one for each core of the affinity mask
  bool overwrite = false;
};

/// Folders of images to shards. All bad files are listed on standard error, of all splits, before it fails or goes on; nothing
/// gets its final name if there are more than `skip_bad`. Prints a table of what was packed.
/// @return the exit code
int pack(const PackOptions& options);

}  // namespace mosaic
