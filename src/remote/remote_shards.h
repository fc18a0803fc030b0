#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remote/http_get.h"
#include "shards/shard_set.h"

namespace mosaic {

struct RemoteShardsOptions {
  Location location;
  std::string folder;                  // of make_shard_cache; the set is opened there
  std::optional<std::uint64_t> limit;  // bytes that the set's images may take in the folder; none: what the disk has

  /// All samples in the order in which an epoch needs them. Called by a thread.
  std::function<std::vector<std::int64_t>(std::int64_t epoch)> order;
  /// Samples before and behind the place that `at` was told last which may be being read, by this process or the others of the node.
  std::int64_t reach = 0;

  HttpPatience patience = {};
};

/// Fetches the images of a set into its folder on this node, shard by shard in the order of need, a few at once, while the set is in use; whoever reads
/// from a shard waits until it is whole.
///
/// Several processes of a node have such a set each, and the same folder: whoever holds the lock of the folder fetches, and if that process
/// ends, another goes on with what there is. A shard is whole once it is on the disk, was read again, and each of its images has the
/// checksum that the set has of it. Whole shards stay, for the next run.
///
/// Where the limit, or the disk less one share in twenty, has no room for all, the shards that are needed last make room.
class RemoteShards {
 public:
  /// Readers of `shards` wait from now on. Shards that somebody waits for are fetched at once, others after the first `at`.
  /// @throws Error if the limit is too small for what an epoch needs at the same time
  RemoteShards(std::shared_ptr<const ShardSet> shards, RemoteShardsOptions options);
  ~RemoteShards();
  RemoteShards(const RemoteShards&) = delete;
  RemoteShards& operator=(const RemoteShards&) = delete;

  /// The samples from `place` of the epoch's order on are needed from now on. Returns at once. Thread-safe.
  void at(std::int64_t epoch, std::int64_t place);

  /// Fetch no more; whoever waits for images in this process gets an Error. Thread-safe.
  void stop();

  bool is_here(int shard) const;
  int here() const;                   // shards that are whole now
  std::uint64_t total_bytes() const;  // of all images

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The bytes of images that must be in the folder at the same time for `order`, at least.
std::uint64_t least_limit(const ShardSet& shards, const std::vector<std::int64_t>& order, std::int64_t reach);

}  // namespace mosaic
