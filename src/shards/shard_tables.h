#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shards/fingerprint.h"

namespace mosaic {

/// Everything in one shard but its images and source names: one entry per image in each of the vectors. Its numbers were
/// checked when it was read.
struct ShardTables {
  std::string split;
  std::uint32_t shard = 0;
  std::uint32_t shards = 0;  // 0: packing was not finished
  std::uint64_t samples_total = 0;
  std::string fingerprint;
  std::uint32_t max_side = 0;  // 0: images are as in their files
  std::vector<std::string> class_names;

  std::uint64_t pool_offset = 0;   // of the image bytes, from the start of the file
  std::uint64_t names_offset = 0;  // of the source names: `names_width` bytes each, padded with zeros
  std::uint64_t names_width = 0;

  std::vector<std::uint64_t> offsets;  // from the start of the pool
  std::vector<std::uint64_t> sizes;
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> widths, heights;
  std::vector<std::uint8_t> kinds;
  std::vector<std::uint32_t> crc32c;

  std::size_t size() const { return offsets.size(); }
};

/// Read and check one shard, finished or not. HDF5 is closed again when this returns.
/// @throws Error naming `path`, what was found and what was expected
ShardTables read_shard_tables(const std::string& path);

/// The place of a shard's images, and how many shards there are: what has to be known of a file before all of it is there.
struct ShardOutline {
  std::uint64_t pool_offset = 0, pool_size = 0;  // bytes from the start of the file; bytes
  std::uint32_t shards = 0;                      // of the split
};

/// Read HDF5's structure, and no table. The file has its full size; where bytes are missing, zeros stand for them.
/// @throws Error naming `path` if what is needed is not there, or the shard is not finished
ShardOutline read_shard_outline(const std::string& path);

/// All images of `tables`, in order.
void add_to_fingerprint(Fingerprint& fingerprint, const ShardTables& tables);

}  // namespace mosaic
