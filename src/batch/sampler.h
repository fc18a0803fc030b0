#pragma once

#include <cstdint>
#include <vector>

namespace mosaic {

/// Which rank reads which sample when: pure functions.
/// Source: torch.utils.data.DistributedSampler with seed 0, as the reference builds it even for one process (recipes
/// section 2.5). Differs: for evaluation nothing is padded, so that every sample is counted once.

/// The order of all samples in one epoch: torch.randperm from mt19937 seeded with `epoch`, the same on all ranks and
/// independent of the configured seed.
std::vector<std::int64_t> shuffled(std::int64_t samples, std::int64_t epoch);

/// One training epoch, as the ranks share it.
struct TrainEpoch {
  std::int64_t samples = 0;       // in the data set
  std::int64_t global_batch = 0;  // a multiple of the number of ranks
  int ranks = 1;

  /// Full batches; what is left over is not read in this epoch.
  std::int64_t batches() const { return samples / ranks / (global_batch / ranks); }
  std::int64_t rank_batch() const { return global_batch / ranks; }

  /// Position in the epoch's order of image `i` of rank `rank` in batch `batch`: the ranks take turns, so that the images of
  /// batch k are those at [k * global_batch, (k + 1) * global_batch) for any number of ranks.
  std::int64_t position(std::int64_t batch, int rank, std::int64_t i) const {
    return (batch * rank_batch() + i) * ranks + rank;
  }
};

/// One pass over the evaluation split: in order, each sample once.
struct EvalEpoch {
  std::int64_t samples = 0;
  std::int64_t global_batch = 0;  // a multiple of the number of ranks
  int ranks = 1;

  std::int64_t rank_samples(int rank) const { return samples / ranks + (rank < samples % ranks ? 1 : 0); }
  std::int64_t rank_batch() const { return global_batch / ranks; }
  /// May be one more on the first ranks than on the others.
  std::int64_t batches(int rank) const { return (rank_samples(rank) + rank_batch() - 1) / rank_batch(); }
  std::int64_t batch_size(std::int64_t batch, int rank) const;
  std::int64_t position(std::int64_t batch, int rank, std::int64_t i) const {
    return (batch * rank_batch() + i) * ranks + rank;
  }
};

}  // namespace mosaic
