#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/run.h"

namespace mosaic {

/// Saves the checkpoints of a run while the run goes on: `save` copies its state to host memory, and a thread of rank 0 writes the copy, under a
/// temporary name, reads it back, and makes it count by renaming it (checkpoint_files.h). One write at a time.
/// A write that fails leaves the earlier checkpoints as they are. All calls are collective and made between two steps.
class CheckpointStore {
 public:
  /// If `run` is going to train, removes what an interrupted writer left in `folder`.
  /// @param keep  so many of the newest ones of this run stay, with `autoresume` those of its earlier starts counted in, -1: all; one goes only after a newer one has been read back
  CheckpointStore(const Run& run, std::string folder, int keep, std::string data_fingerprint);
  /// Waits for the writer.
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// Takes a copy of `run` and returns; what is written already is awaited first. If the last write failed, that is a warning: this one makes up
  /// for it.
  void save(Run& run);

  /// Until the last checkpoint is on disk.
  /// @throws AgreedError (kExitCrash) if that failed
  void wait();

  /// The newest one that is on disk, once what is being written is; "" if there is none, and on all ranks but rank 0. Not collective.
  std::string newest();

  /// Seconds that the run stood still for its checkpoints: copying, and waiting for an earlier write.
  double stalled_seconds() const { return stalled_; }
  /// Those that this run has written and not removed, oldest first, on rank 0; call after `wait`.
  const std::vector<std::string>& paths() const;

 private:
  struct Writer;

  std::string folder_, data_fingerprint_;
  std::unique_ptr<Writer> writer_;  // of rank 0; none elsewhere
  double stalled_ = 0;
};

}  // namespace mosaic
