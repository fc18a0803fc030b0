#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "remote/shard_needs.h"

namespace mosaic {

/// What is fetched next, and what makes room for it: a shard's next need, in this epoch or the one after it, decides. Thread-safe, but for
/// `choose`.
class FetchPlan {
 public:
  using Order = std::function<std::vector<std::int64_t>(std::int64_t epoch)>;
  /// @param first  the number of each shard's first sample, and behind the last one the number of samples
  /// @param reach  places around the current one that may be being read
  FetchPlan(Order order, std::vector<std::int64_t> first, std::int64_t reach);

  void at(std::int64_t epoch, std::int64_t place);

  /// What is known of a shard when something is to be chosen.
  struct Shard {
    bool whole = false;
    bool in_flight = false;
    bool waited_for = false;  // by somebody, just now
    std::uint64_t bytes = 0;  // of its images
    std::uint64_t held = 0;   // of these, on the disk
  };
  struct Choice {
    int fetch = -1;               // the shard; -1: nothing, for now
    std::vector<int> evict = {};  // before that, to make room
  };
  /// @param limit  bytes of images
  /// Computes an epoch's needs where they have changed, which takes some 0.1 s for a million samples.
  Choice choose(const std::vector<Shard>& shards, std::uint64_t limit);

 private:
  std::optional<std::int64_t> next_need(int shard) const;
  void follow();

  Order order_;
  std::vector<std::int64_t> first_;
  std::int64_t reach_;

  std::mutex mutex_;
  std::int64_t told_epoch_ = -1, told_place_ = 0;

  std::int64_t epoch_ = -1, place_ = 0;  // what `needs_` and `needs_after_` are about; epoch -1: no plan yet
  std::shared_ptr<const ShardNeeds> needs_, needs_after_;
  std::shared_ptr<const ShardNeeds> needs_before_;  // while batches of that epoch are in work
};

}  // namespace mosaic
