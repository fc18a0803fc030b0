#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "batch/view.h"
#include "shards/shard_set.h"

namespace mosaic {

/// Reads for a view what it will look at. The first time that a sample is read it is read whole, and its checksum is compared;
/// from then on only the bytes that the view's crop needs, where the stored kind allows that: of packed JPEGs the head and the rows of
/// blocks, of pixels the rows. Thread-safe.
class SampleReader {
 public:
  SampleReader(std::shared_ptr<const ShardSet> shards, View view);

  /// @param buffer  grown as needed, never shrunk; holds the image's bytes at their places, those not read being anything
  /// @return the image, to be rendered by the view with the same epoch and sample
  /// @throws Error naming shard and sample on a read error or a wrong checksum
  StoredImage read(std::int64_t sample, std::int64_t epoch, std::vector<std::byte>& buffer);

  /// Since this was made.
  std::uint64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }

 private:
  bool was_checked(std::int64_t sample) const;
  void read_block_rows(std::int64_t sample, Box box, std::span<std::byte> image) const;
  void read_range(std::int64_t sample, std::size_t begin, std::size_t end, std::span<std::byte> image) const;

  std::shared_ptr<const ShardSet> shards_;
  View view_;
  std::vector<std::atomic<std::uint64_t>> checked_;  // a bit for each sample
  mutable std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace mosaic
