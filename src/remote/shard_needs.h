#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mosaic {

/// When shards are needed in an epoch: pure.
class ShardNeeds {
 public:
  /// @param order  all samples, in the order in which they are needed
  /// @param first  the number of each shard's first sample, ascending from 0, and behind the last one the number of samples
  ShardNeeds(const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& first);

  /// Places in the order.
  std::int64_t size() const { return size_; }
  /// The first place from `place` on at which a sample of `shard` stands.
  std::optional<std::int64_t> next(int shard, std::int64_t place) const;

 private:
  std::int64_t size_;
  std::vector<std::vector<std::uint32_t>> places_;  // of each shard, ascending
};

/// The bytes of the shards that have a sample in a stretch of `span` places of the order, for the stretch that has the most.
/// @param bytes  of each shard
std::uint64_t working_set(const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& first,
                          const std::vector<std::uint64_t>& bytes, std::int64_t span);

}  // namespace mosaic
