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

/// An order that a disk without fast random access can keep up with: samples that lie side by side are read together.
struct BlockShuffle {
  std::int64_t block = 1;   // images side by side in the shards; >= 1
  std::int64_t window = 1;  // images among which the order is random; >= block
};

/// The order of all samples in one epoch: the set is cut into blocks, from another place on in each epoch; the blocks are put in a random
/// order; so are the samples in each stretch of `window` of them. The same on all ranks.
/// A sample's place in the epoch is as random as that of `shuffled`, but for the samples of its block, which stand in its window or the next:
/// a window shows samples of window / block blocks only. Where the samples are sorted by class, a window so has few classes, and a batch no
/// more; README.md, "Disks that hate random reads", has numbers.
/// Source: Nguyen et al., Why Globally Re-shuffle? Revisiting Data Shuffling in Large Scale Deep Learning, IPDPS 2022, arXiv:2110.00511,
/// has what is lost by partial shuffles. The scheme of random blocks and a window: MosaicML Streaming's py1br.
std::vector<std::int64_t> block_shuffled(std::int64_t samples, const BlockShuffle& shape, std::uint64_t seed,
                                         std::int64_t epoch);

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
