#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/host_batch.h"
#include "batch/view.h"
#include "shards/shard_set.h"

namespace mosaic {

/// Which samples a rank reads for one batch after the other.
struct BatchPlan {
  std::vector<std::int64_t> samples;  // in order; all batches of this rank
  std::int64_t batch_size = 1;        // the last batch may be smaller
  std::int64_t epoch = 0;             // for the random draws
  std::vector<int> sides;             // of each batch in pixels, up to the view's; empty: the view's for all

  std::int64_t batches() const;
};

/// All batches of `rank` in training epoch `epoch`, from batch `first` on: a run that continues in the middle of an epoch
/// reads nothing that it throws away.
BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first);
BatchPlan eval_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks);

/// Worker threads that read, decode and crop ahead of the training loop, a few batches deep.
class Loader {
 public:
  /// @param threads  at least 1
  /// @param depth    batches ready or in work at any time, beside the one in use; at least 1
  Loader(std::shared_ptr<const ShardSet> shards, View view, int threads, int depth = 3);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// From now on an image that cannot be read or decoded is replaced by the next one in the shards that can: a function of the sample
  /// alone, so that any rank would take the same. Call before the first `start`.
  /// @param limit  so many different images; one more, and `next` throws
  void replace_bad_samples(int limit);
  /// Different images that were replaced.
  std::int64_t replaced() const;

  /// Begin with the batches of `plan`; what is left of an earlier plan is dropped.
  void start(BatchPlan plan);

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
