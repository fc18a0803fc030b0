#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "preprocess/journal.h"
#include "preprocess/source_list.h"
#include "preprocess/stored_file.h"
#include "shards/shard_writer.h"

namespace mosaic {

/// Writes the images of one group of source files into parts, each as full as `shard_size` allows. Memory: that of one part.
class GroupWriter {
 public:
  /// @param source     outlives this
  /// @param max_side   see ShardWriter
  /// @param part_path  where part 0, 1, ... of the group is to be
  GroupWriter(const SourceList& source, std::string split, std::uint64_t shard_size, int max_side, PackedGroup empty,
              std::function<std::string(int)> part_path);

  /// The next file of the group.
  void add(std::int64_t file, const StoredFile& stored);
  /// After the last one. @return what has become of the group; all its parts are on the disk
  PackedGroup finish();

 private:
  void start_part();
  void write_part();

  const SourceList& source_;
  std::string split_;
  std::uint64_t shard_size_;
  int max_side_;
  PackedGroup group_;
  std::function<std::string(int)> part_path_;
  std::unique_ptr<ShardWriter> part_;
};

}  // namespace mosaic
