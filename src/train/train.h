#pragma once

#include <string>
#include <utility>
#include <vector>

#include "batch/loader.h"
#include "remote/remote_shards.h"
#include "report/run_log.h"
#include "shards/local_copies.h"
#include "train/evaluate.h"
#include "train/run.h"
#include "train/step_seconds.h"

namespace mosaic {

/// The two data sets and who reads them.
struct Data {
  std::shared_ptr<const ShardSet> train_shards, eval_shards;
  std::unique_ptr<LocalCopies> train_copies, eval_copies;   // nullptr: none are made
  std::unique_ptr<RemoteShards> train_remote, eval_remote;  // nullptr: the shards are in the file system
  Loader train_loader, eval_loader;

  ~Data() { stop_fetching(); }
  /// What may still have to be fetched, at most: sets of which a shard is missing, whole.
  double missing_bytes() const {
    double bytes = 0;
    for (const auto& [remote, shards] :
         {std::pair{train_remote.get(), &train_shards}, {eval_remote.get(), &eval_shards}})
      if (remote && remote->here() < (*shards)->shard_count()) bytes += static_cast<double>(remote->total_bytes());
    return bytes;
  }
  /// Shards that are not here do not come any more: loaders that wait for them end.
  void stop_fetching() const {
    for (const auto* remote : {&train_remote, &eval_remote})
      if (*remote) (*remote)->stop();
  }
};

/// What a run ends with, on every rank.
struct TrainResult {
  EvalResult last_eval;
  double data_wait_seconds = 0;                // of this rank: training batches that were not ready in time
  std::int64_t samples_trained = 0;            // by this process and the other ranks, without what a checkpoint brought
  double train_seconds = 0, eval_seconds = 0;  // of this process
  StepSeconds step_seconds;                    // of this rank: all training steps together
  std::vector<std::string> checkpoints;        // written by this run and still there
  double checkpoint_stall_seconds = 0;         // of this process: copying states, waiting for an earlier write
  bool stopped = false;                        // asked to stop, and saved, before its end
  std::int64_t replaced_samples = 0;           // of this rank: images that could not be read
  std::int64_t rollbacks = 0;                  // to the last checkpoint, since a step was not finite
};

/// True if nothing is left to be trained. An evaluation may be: see Run::evaluation_due.
bool is_over(const Run& run);

/// What is to be checked of a run that shall be trained, once its checkpoint is loaded and before it leaves anything: that
/// max_duration is not reached yet, and that no later checkpoints lie in save_folder unless they may be overwritten.
/// @throws Error with what to do
void check_start(const Run& run);

/// Evaluate once; then, if `is_train`, all epochs that are left, with their evaluations and checkpoints: the order of events
/// is that of recipes sections 7.2, 7.6 and 7.8. Where any rank is asked to stop (stop_requests.h), all of them save and return after
/// the step they are in, or after the batch of an evaluation, which the next start does again. Collective.
/// With run.settle_late a step's result is looked at when the next one has been launched, unless an evaluation, a checkpoint, the end of an
/// epoch, an update of the average or a step that waits by itself comes first: what is written is the same, but that a request to stop or to
/// save may be heeded one step later, and that of a step whose successor fails before it is launched, say for an image that cannot be read, nothing is
/// written.
/// @throws Error on all ranks, weights, momentum and average being those before the step, if loss or gradients are not finite and
/// on_nonfinite is `stop`, or have not been for nonfinite_limit steps in a row. A step that was launched behind it has changed nothing
/// @param log    rank 0's; nullptr on the others
/// @param hosts  of the ranks, in their order: for messages
TrainResult train(Run& run, Data& data, RunLog* log, const std::vector<std::string>& hosts);

/// True if `interval` lies between `before` and `after`: a multiple of it was passed.
bool interval_passed(const Duration& interval, const Progress& before, const Progress& after);

}  // namespace mosaic
