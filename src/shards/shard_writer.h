#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/stored_image.h"

namespace mosaic {

/// Collects the images of one shard in memory and writes them as one file: under a temporary name first, synced, then
/// renamed. The same calls give the same bytes. Memory: the size of the shard.
class ShardWriter {
 public:
  /// @param max_side  for a data set that is not what its files were: to it the shorter side of larger images was scaled down
  ShardWriter(std::string split, std::vector<std::string> class_names, std::uint32_t max_side = 0);
  ~ShardWriter();

  /// @param label  below the number of classes
  void add(const StoredImage& image, std::int32_t label, const std::string& source_name);
  std::int64_t size() const;           // images so far
  std::uint64_t stored_bytes() const;  // size of the pool so far

  /// Write everything to `path`. The shard's number, the shard count and the fingerprint of the data set are not known yet: see
  /// `finish_shards`.
  /// @throws Error naming the path and the system's reason (no room, no permission); a partial file is removed
  void write(const std::string& path) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The last act of packing: write its number, the number of shards, of samples, and the data set's fingerprint into each of `parts`
/// (files that `ShardWriter::write` has made, in order), then rename them to their final names in `folder`. Can be
/// repeated after a crash at any point.
/// @return the fingerprint
std::string finish_shards(const std::vector<std::string>& parts, const std::string& folder, const std::string& split);

}  // namespace mosaic
