#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// A setting that is not what it was.
struct Change {
  std::string key;  // "optimizer.lr"
  std::string before, now;
};

/// Where two resolved configurations (Config::yaml) differ in what is trained. Left out are names, folders, paths, logging, evaluation,
/// saving and stopping, the seed (a checkpoint's own is kept) and max_duration (a finished run may be trained for longer).
/// @throws Error naming `before` if that is no configuration
std::vector<Change> changes_of_training(const std::string& before, const std::string& now);

/// True if `allowed` has `key` itself or a section that it is in: "optimizer".
bool is_allowed(const std::string& key, const std::vector<std::string>& allowed);

}  // namespace mosaic
