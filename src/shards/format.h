#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// The shard format, once: README.md beside this file documents it byte by byte.
inline constexpr char kShardFormatName[] = "mosaic_resnet shard";
inline constexpr std::uint32_t kShardFormatVersion = 1;

/// Each image begins at a multiple of this in the pool, and the pool at a multiple of kPoolAlignment in the file, with at
/// least kPoolAlignment readable bytes after the last image: a reader that bypasses the page cache (O_DIRECT) can widen any
/// read to whole blocks.
inline constexpr std::uint64_t kImageAlignment = 64;
inline constexpr std::uint64_t kPoolAlignment = 4096;

/// What `bytes` take in the pool.
constexpr std::uint64_t in_pool(std::uint64_t bytes) {
  return (bytes + kImageAlignment - 1) / kImageAlignment * kImageAlignment;
}

/// "train-00017.h5"
std::string shard_file_name(const std::string& split, int shard);

/// Numbers of the shards of `split` that are in `folder`, ascending; files that are no shards do not matter.
/// @throws Error if there is no such folder
std::vector<int> shard_numbers(const std::string& folder, const std::string& split);

/// Splits that have a shard in `folder`, sorted.
/// @throws Error if there is no such folder
std::vector<std::string> splits_in(const std::string& folder);

}  // namespace mosaic
