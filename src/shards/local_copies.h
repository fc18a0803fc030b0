#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shards/shard_set.h"

namespace mosaic {

/// Where the shards of a set are copied to.
struct LocalCopiesOptions {
  std::string folder;                  // on a disk of this node; made if it is not there
  std::optional<std::uint64_t> limit;  // bytes that the copies of the set may have; none: what the disk has
};

/// Copies the shards of a set to a disk of this node, one after the other in a thread, while the set is in use, and has each read from its copy
/// from then on. Nobody waits for it, and nothing that happens to it ends a run: what cannot be copied is read where it is, and the
/// log says why.
///
/// Several processes of a node may have a set each, and the same folder: whoever holds the lock of the folder copies, the others take the
/// copies as they come, and copy themselves if that process ends. A copy is FOLDER/FINGERPRINT/train-00017.h5: the first 16 digits of the set's
/// fingerprint. It gets that name once it is on the disk, was read again, and each of its images has the checksum that the set has of
/// it. Copies stay, and are taken by the next run if they have the size of the shard; then, too, each image's checksum is compared
/// when the run first reads it. A part that was left by a process that was killed is removed.
///
/// One share in twenty of the disk is left free.
class LocalCopies {
 public:
  LocalCopies(std::shared_ptr<const ShardSet> shards, LocalCopiesOptions options);
  ~LocalCopies();  // gives up the copy that is being made
  LocalCopies(const LocalCopies&) = delete;
  LocalCopies& operator=(const LocalCopies&) = delete;

  /// Shards that are read from copies, as far as this process has seen.
  int in_use() const;

  /// Waits until nothing more is to be copied or taken. For tests.
  void wait() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mosaic
