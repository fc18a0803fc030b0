#pragma once

#include <cstdint>
#include <optional>

#include "comm/mpi_session.h"
#include "plan/calibration.h"
#include "train/data.h"
#include "train/run.h"

namespace mosaic {

/// Pieces of a run, timed as they are in one, at sizes of one's own. All calls are collective; what they return is the same on
/// all ranks: the
/// mean over them.
class Rehearsal {
 public:
  /// `run` keeps the steps that it was trained, and loses progressive resizing and SAM: both are parameters here.
  Rehearsal(const MpiSession& mpi, Run& run, Data& data);

  /// Steps of `images` of each rank, with the loader at work, for about two seconds; at least three.
  StepCost train(int side, std::int64_t images, bool sam);
  /// Whole evaluation, or for some seconds, in batches of `images` of each rank.
  StepCost evaluation(std::int64_t images);
  /// Seconds for an image, all threads of a rank at work on nothing else.
  double load_seconds(int side, std::int64_t images);
  /// One thread reads some images: seconds for one, and the mean of their bytes.
  void read(double& seconds, double& bytes);
  /// Of a number of each rank the largest one.
  double largest(double mine) const;

 private:
  double mean(double mine) const;
  double of_rank_0(double mine) const;
  BatchPlan plan(int side, std::int64_t images, std::int64_t batches);

  const MpiSession& mpi_;
  Run& run_;
  Data& data_;
  std::optional<SamConfig> sam_;
  std::int64_t next_;  // place in the order of the first epoch, of this rank
};

}  // namespace mosaic
