#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "batch/sampler.h"
#include "config/config.h"

namespace mosaic {

/// Which samples a rank reads for one batch after the other.
struct BatchPlan {
  std::vector<std::int64_t> samples;  // in order; all batches of this rank
  std::int64_t batch_size = 1;        // the last batch may be smaller
  std::int64_t epoch = 0;             // for the random draws
  std::int64_t first = 0;             // the number in the epoch of its first batch
  std::vector<int> sides = {};        // of each batch in pixels, up to the view's; empty: the view's for all

  /// The same samples in the order in which the system is asked for them, up to `ahead` more than are being read; empty: a few, in the order
  /// of `samples`, and only where reads turn out to be slow.
  std::vector<std::int64_t> disk_order = {};
  std::int64_t ahead = 0;

  std::int64_t batches() const;
};

/// How the samples of an epoch are put in order.
struct EpochOrder {
  std::optional<BlockShuffle> blocks;  // none: `shuffled`
  std::uint64_t seed = 0;              // of block shuffles
};
EpochOrder order_of(const TrainDatasetConfig& config, std::uint64_t seed);

/// All samples in the order of training epoch `epoch`.
std::vector<std::int64_t> epoch_samples(std::int64_t samples, std::int64_t epoch, const EpochOrder& order);

/// All batches of `rank` in training epoch `epoch`, from batch `first` on: a run that continues in the middle of an epoch
/// reads nothing that it throws away.
BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first, const EpochOrder& order = {});
BatchPlan eval_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks);

}  // namespace mosaic
