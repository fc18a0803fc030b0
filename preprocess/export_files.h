#pragma once

#include <optional>
#include <string>

namespace mosaic {

/// preprocess export OUT DIR
struct ExportOptions {
  std::string out;
  std::string to;
  std::optional<std::string> split = {};  // none: all that are there
};

/// Shards back to files, DIR/split/source name: JPEG files as they were, packed ones as JPEG files that decode
/// to the same pixels, pixels as binary PPM (name.png becomes name.ppm).
/// @throws Error if DIR/split has files already
/// @return the exit code
int export_files(const ExportOptions& options);

/// A path below a folder, whatever stands in the shard: no "..", not absolute, not empty. "../a//b" becomes "_/a/b".
std::string safe_relative_path(const std::string& name);

}  // namespace mosaic
