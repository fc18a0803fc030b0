#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "batch/batch_plan.h"
#include "batch/host_batch.h"
#include "batch/view.h"
#include "shards/shard_set.h"

namespace mosaic {

/// Worker threads that read, decode and crop ahead of the training loop, a few batches deep. Where reads turn out to be slow, the system is
/// asked for the bytes of the images that come next, so that more reads are under way than there are threads.
class Loader {
 public:
  static constexpr int kUsualDepth = 3;
  static constexpr int kSlabsInUse = 2;  // the caller's batch, and the one before it while it asks for the next

  /// Its memory: depth + kSlabsInUse batches of `batch_bytes`, made by the first `start`, and `thread_bytes` for each thread.
  /// @param threads  at least 1
  /// @param depth    batches ready or in work at any time, beside the one in use; at least 1
  Loader(std::shared_ptr<const ShardSet> shards, View view, int threads, int depth = kUsualDepth);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Bytes that `images` pixels of side x side and their labels have.
  static std::int64_t batch_bytes(std::int64_t images, int side);

  /// Bytes that one thread has at most for what it reads and decodes, beside the batches: decided by the largest image of the shards.
  static std::int64_t thread_bytes(const ShardSet& shards, const View& view);

  /// From now on an image that cannot be read or decoded is replaced by the next one in the shards that can: a function of the sample
  /// alone, so that any rank would take the same. Call before the first `start`.
  /// @param limit  so many different images; one more, and `next` throws
  void replace_bad_samples(int limit);
  /// Different images that were replaced.
  std::int64_t replaced() const;

  /// Have `opened` called with the epoch of each batch and its number in that when its first image is about to be read: by a worker, one call
  /// at a time; it must return at once. Call before the first `start`.
  void tell(std::function<void(std::int64_t epoch, std::int64_t batch)> opened);

  /// Makes the plan of the next epoch; called by a worker when the batches of the one before have all been begun.
  using MakePlan = std::function<BatchPlan()>;

  /// Begin with the batches of `plan`; what is left of earlier plans is dropped.
  /// @param following  if given, its first batches are made while the last ones of `plan` are still in use: see `go_on`
  void start(BatchPlan plan, MakePlan following = {});

  /// After the last batch of a plan: on to the one that followed it.
  /// @param following  as for `start`
  /// @throws what making the plan has thrown
  void go_on(MakePlan following = {});

  /// The next batch, in order; waits for it, and warns every ten seconds that it does, naming what is being read. nullptr after the last. Hold at most one earlier batch meanwhile: there are
  /// only so many slabs.
  /// @throws Error naming the sample that could not be read or decoded; the loader is then at its end
  HostBatch next();

  /// Seconds that `next` has waited since the loader was made.
  double waited_seconds() const;

  /// Bytes of shards read since then.
  std::uint64_t bytes_read() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mosaic
