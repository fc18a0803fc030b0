#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/node_memory.h"

namespace mosaic {

/// The tables of all shards of a split in one piece of memory without pointers, 29 bytes for each sample, which processes can share.
class ShardIndex {
 public:
  /// Reads and checks every shard's tables: see ShardSet. @return the bytes of an index
  static std::vector<std::byte> make(const std::string& folder, const std::string& split);

  ShardIndex() = default;
  /// @param bytes  of `make`
  explicit ShardIndex(SharedBytes bytes);

  // Of each sample.
  std::span<const std::uint64_t> offsets;  // in its shard's file
  std::span<const std::uint32_t> sizes, crc32c, widths, heights;
  std::span<const std::int32_t> labels;
  std::span<const std::uint8_t> kinds;

  // Of each shard.
  std::span<const std::uint64_t> first;  // its first sample; at the end the number of samples
  std::span<const std::uint64_t> names_offset, names_width;

  std::vector<std::string> class_names;
  std::string fingerprint;
  std::uint32_t max_side = 0;  // see ShardSet

  std::size_t samples() const { return offsets.size(); }
  std::size_t shards() const { return names_offset.size(); }
  std::size_t shard_of(std::int64_t sample) const;

 private:
  SharedBytes bytes_;
};

}  // namespace mosaic
