#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mosaic {

/// preprocess info OUT
struct InfoOptions {
  std::string out;
  std::optional<std::string> split = {};  // none: all that are there
  bool json = false;                      // instead of the table
};

/// Prints a table of what the shards hold. Reads no image.
/// @return the exit code
int info(const InfoOptions& options);

/// The one split asked for, or all that have shards in `out`.
/// @throws Error if there are none
std::vector<std::string> chosen_splits(const std::string& out, const std::optional<std::string>& split);

}  // namespace mosaic
