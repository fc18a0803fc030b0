#include "base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace mosaic {
namespace {

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

/// The number after `key` in lines like "MemAvailable:   123 kB" and "inactive_file 123".
std::optional<std::int64_t> number_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;)
    if (std::int64_t number; word == key && file >> number) return number;
  return std::nullopt;
}

/// A file with one number; none for "max".
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  if (std::int64_t number; file >> number) return number;
  return std::nullopt;
}

/// What is left in one control group, whose files have names of their version.
std::int64_t left_in(const std::string& folder, const char* limit_file, const char* usage_file,
                     const char* file_cache) {
  const auto limit = number_in(folder + "/" + limit_file), usage = number_in(folder + "/" + usage_file);
  if (!limit || !usage) return kUnknown;
  return std::max<std::int64_t>(0, *limit - *usage + number_of(folder + "/memory.stat", file_cache).value_or(0));
}

/// The group of this process, "/a/b", in version 2 of control groups or in the hierarchy `memory` of version 1.
std::optional<std::string> group_of(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : ("," + controllers + ",").find(",memory,") != std::string::npos)
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// The least of the group and all above it. In a container the path may be that of the host, and only the top is there.
std::int64_t left_in_groups(const std::string& root, bool version2) {
  auto group = group_of(root, version2);
  if (!group) return kUnknown;
  const std::string top = root + (version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
  std::int64_t left = kUnknown;
  while (true) {
    const std::string folder = top + *group;
    left = std::min(
        left, version2 ? left_in(folder, "memory.max", "memory.current", "inactive_file")
                       : left_in(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
    if (group->empty()) return left;
    group->erase(group->find_last_of('/'));
  }
}

}  // namespace

std::int64_t available_memory(const std::string& root) {
  const auto kilobytes = number_of(root + "/proc/meminfo", "MemAvailable:");
  return std::min({kilobytes ? *kilobytes * 1024 : kUnknown, left_in_groups(root, true), left_in_groups(root, false)});
}

}  // namespace mosaic
