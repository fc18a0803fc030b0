#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/node_memory.h"
#include "base/stored_image.h"
#include "shards/arrivals.h"

namespace mosaic {

/// All shards of one split, opened for reading: `folder`/`split`-00000.h5 and on. Samples are numbered through all shards
/// in order, from 0. Reading is thread-safe and takes no lock: HDF5 is used while opening only, then each image is one
/// `pread` (none of the library's global lock, no file locks).
class ShardSet {
 public:
  /// Opens and checks every shard's structure: format and version, lengths of all tables, labels below the number of
  /// classes, each image inside the pool, pool inside the file (a truncated shard is found here), the same classes in all
  /// shards, no shard missing. Reads no image.
  /// @throws Error naming the shard, what was found and what was expected
  ShardSet(const std::string& folder, const std::string& split);
  /// The same, with the tables in memory that the processes of the node share: 29 bytes a sample and node. One of the processes reads and
  /// checks the shards; the others open one when they first read from it. Collective where `memory` is.
  ShardSet(const std::string& folder, const std::string& split, NodeMemory& memory);
  ~ShardSet();
  ShardSet(ShardSet&&) noexcept;
  ShardSet& operator=(ShardSet&&) noexcept;

  /// That this process, too, sees the folder and its first shard.
  /// @throws Error
  void check_that_it_is_here() const;

  std::int64_t size() const;
  const std::string& split() const;
  const std::vector<std::string>& class_names() const;
  /// 64 hexadecimal digits: equal for equal class names, labels and stored images in the same order, however they are cut
  /// into shards.
  const std::string& fingerprint() const;

  /// 0: the images are as in their files. Else they are not: while packing, the shorter side of larger ones was scaled down to this.
  int max_side() const;
  /// @throws Error if they are not: accuracy on them is not what anybody else measures
  void check_for_evaluation() const;

  int shard_count() const;
  const std::string& shard_path(int shard) const;
  std::int64_t shard_size(int shard) const;  // samples in it
  std::int64_t first_sample(int shard) const;

  std::int32_t label(std::int64_t sample) const;
  std::string source_name(std::int64_t sample) const;  // below the split's folder: "n01440764/n01440764_10026.JPEG"
  StoredKind kind(std::int64_t sample) const;
  int width(std::int64_t sample) const;
  int height(std::int64_t sample) const;
  std::uint64_t stored_bytes(std::int64_t sample) const;

  /// The shard that a sample is in.
  const std::string& path_of(std::int64_t sample) const;

  /// The bytes [begin, end) of that file which are the sample's image.
  struct Extent {
    std::uint64_t begin = 0, end = 0;
  };
  Extent extent_of(std::int64_t sample) const;

  /// "sample 48211 (train-00017.h5, image 412, n01440764/n01440764_10026.JPEG)": for messages.
  std::string describe(std::int64_t sample) const;

  /// Read one image into `buffer` (grown as needed, never shrunk) and check its CRC-32C. Errors that may pass by themselves are tried
  /// again for a few seconds, with a warning (with_retries).
  /// @return the image; its bytes point into `buffer`
  /// @throws Error naming shard and sample on a read error, a short read or a wrong checksum
  StoredImage read(std::int64_t sample, std::vector<std::byte>& buffer) const;

  /// Read to.size() bytes of one image from its byte `begin` on, for a caller that has checked it before: the checksum is that
  /// of the whole.
  /// @throws Error naming shard and sample on a read error or a short read
  void read_part(std::int64_t sample, std::uint64_t begin, std::span<std::byte> to) const;

  /// Ask the system to have the bytes of an image in memory soon. Returns at once where the file system can do that in the background.
  void read_ahead(std::int64_t sample) const;

  /// From now on read the images of `shard` from `path`, a copy of its file. Where a read from there fails, or an image has not its checksum,
  /// the copy is left, with a warning, and the shard's own file is read again. Thread-safe, also beside reads.
  void read_from_copy(int shard, const std::string& path) const;

  /// From now on wait for the images of a shard before one is read from it. Call before the first read.
  void wait_for(std::shared_ptr<Arrivals> arrivals) const;

  /// The first image of `shard`, counted in it, from `begin` on, which `path`, a copy of its file or that itself, does not hold with its
  /// checksum; shard_size(shard) if it holds them all.
  /// @param stop  once true, the rest is left out
  std::int64_t first_wrong_image(int shard, const std::string& path, std::int64_t begin,
                                 const std::atomic<bool>& stop) const;

  /// Read every image of `shard` from `path`, a copy of its file, and compare its checksum.
  /// @param stop  once true, the rest is left out
  /// @throws Error naming `path` and the image
  void check_copy(int shard, const std::string& path, const std::atomic<bool>& stop) const;

  /// Ask the system to forget what it has of the shards in memory, so that the next reads come from the disk: for measurements. Pages that
  /// another process has mapped stay, and a file server may have them still.
  void drop_from_page_cache() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mosaic
