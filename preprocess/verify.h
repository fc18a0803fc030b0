#pragma once

#include <optional>
#include <string>

namespace mosaic {

/// preprocess verify OUT
struct VerifyOptions {
  std::string out;
  std::optional<std::string> split = {};  // none: all that are there
  int threads = 0;                        // 0: one for each core of the affinity mask
};

/// Reads every image, compares its checksum and decodes it. Each fault is one line on standard error, naming shard and
/// sample.
/// @return the exit code: kExitBadInput if there was a fault
int verify(const VerifyOptions& options);

}  // namespace mosaic
