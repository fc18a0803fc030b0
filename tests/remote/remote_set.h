#pragma once

#include <string>
#include <vector>

#include "shards/make_shards.h"
#include "support.h"

namespace mosaic::test {

/// Forty images of 180 KB in five shards, whose images are not all in the first MiB of their files.
struct RemoteSet {
  static constexpr int kImages = 40, kPerShard = 8, kShards = 5;

  RemoteSet();

  TemporaryFolder folder;  // what a server serves
  TemporaryFolder local;   // the node's disk
  std::vector<Sample> samples;
  std::string fingerprint;
};

/// The samples that `shards` gives otherwise than `set` has them.
std::vector<std::int64_t> wrong_samples(const ShardSet& shards, const RemoteSet& set,
                                        const std::vector<std::int64_t>& order);
std::vector<std::int64_t> in_order(const RemoteSet& set);

/// Bytes that the files of a folder take on the disk.
std::uint64_t bytes_on_disk(const std::string& folder);
int lines_in(const std::string& path);

}  // namespace mosaic::test
