#include "shards/format.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iomanip>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "base/error.h"

namespace mosaic {
namespace {

struct ShardName {
  std::string split;
  int shard = 0;
};

/// What `shard_file_name` made, taken apart again; nullopt for any other name.
std::optional<ShardName> parse_shard_name(const std::string& name) {
  const auto dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0) return std::nullopt;
  int shard = 0;
  std::from_chars(name.data() + dash + 1, name.data() + name.size(), shard);
  ShardName parsed{name.substr(0, dash), shard};
  if (shard < 0 || shard_file_name(parsed.split, shard) != name) return std::nullopt;
  return parsed;
}

std::vector<ShardName> shards_in(const std::string& folder) {
  std::error_code failure;
  if (!std::filesystem::is_directory(folder, failure))
    throw Error(str(folder, ": no such folder: expected the folder that `preprocess pack` has written"));
  std::vector<ShardName> found;
  for (auto entry = std::filesystem::directory_iterator(folder, failure);
       !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure))
    if (auto name = parse_shard_name(entry->path().filename().string())) found.push_back(std::move(*name));
  if (failure) throw Error(str(folder, ": cannot list the folder: ", failure.message()));
  return found;
}

}  // namespace

std::string shard_file_name(const std::string& split, int shard) {
  std::ostringstream name;
  name << split << '-' << std::setfill('0') << std::setw(5) << shard << ".h5";
  return name.str();
}

std::vector<int> shard_numbers(const std::string& folder, const std::string& split) {
  std::vector<int> numbers;
  for (const auto& name : shards_in(folder))
    if (name.split == split) numbers.push_back(name.shard);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<std::string> splits_in(const std::string& folder) {
  std::set<std::string> splits;
  for (const auto& name : shards_in(folder)) splits.insert(name.split);
  return {splits.begin(), splits.end()};
}

}  // namespace mosaic
