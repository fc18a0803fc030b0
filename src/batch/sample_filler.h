#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "batch/host_batch.h"
#include "batch/sample_reader.h"
#include "batch/view.h"
#include "shards/shard_set.h"

namespace mosaic {

/// The images that were replaced by others since they could not be read or decoded. Thread-safe.
class Replacements {
 public:
  /// @param limit  so many different images; 0: none is to be replaced
  void allow(int limit);
  bool allowed() const { return limit_ > 0; }
  /// Different images so far.
  std::int64_t count() const;

  /// `neighbour` takes the place of `sample`; said once in the log.
  /// @throws Error if it is one more than allowed
  void add(std::int64_t sample, std::int64_t neighbour, const std::string& fault);

 private:
  int limit_ = 0;
  mutable std::mutex mutex_;
  std::set<std::int64_t> samples_;
};

/// Reads samples and renders them into a slab. One per thread.
class SampleFiller {
 public:
  SampleFiller(const ShardSet& shards, const View& view, SampleReader& reader, Replacements& replacements);

  /// Image `i` of `slab`, with its label. Where replacements are allowed, an image that is of no use is replaced by the next one in the
  /// shards that is not: a function of the sample alone.
  /// @throws Error naming the sample
  void fill(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample);

  /// Of the last reads, mean.
  double read_seconds() const { return read_seconds_; }

 private:
  void read_and_render(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample);

  const ShardSet& shards_;
  const View& view_;
  SampleReader& reader_;
  Replacements& replacements_;
  std::shared_ptr<View::Scratch> scratch_ = View::make_scratch();
  std::vector<std::byte> buffer_;
  double read_seconds_ = 0;
};

}  // namespace mosaic
