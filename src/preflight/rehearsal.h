#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "comm/mpi_session.h"
#include "plan/calibration.h"
#include "train/data.h"
#include "train/run.h"

namespace mosaic {

struct StepSize {
  int side = 0;             // pixels
  std::int64_t images = 0;  // of a rank
  bool sam = false;
};

/// Pieces of a run, timed as they are in one, at sizes of one's own. All calls are collective; what they return is the same on all
/// ranks: the mean over them.
class Rehearsal {
 public:
  /// `run` keeps the steps that it was trained, and loses progressive resizing and SAM: both are parameters here.
  Rehearsal(const MpiSession& mpi, Run& run, Data& data);

  /// Steps of all `sizes` in turn, with the loader at work, for about three seconds of each, in several rounds, so that what
  /// changes in the machine meanwhile is in all of them alike. Sides of which load_seconds() was not asked before begin with an idle loader.
  std::vector<StepCost> train(const std::vector<StepSize>& sizes);
  /// Seconds of one, roughly.
  double few_steps(const StepSize& size);
  /// Full batches of `images` of each rank, of all the data set or for some seconds, several times.
  StepCost evaluation(std::int64_t images);
  /// Seconds for an image, all threads of a rank at work on nothing else.
  double load_seconds(int side, std::int64_t images);
  /// One thread reads some images: seconds for one, and the mean of their bytes.
  void read(double& seconds, double& bytes);
  /// Of a number of each rank the largest one.
  double largest(double mine) const;

 private:
  struct Rounds {
    StepSize size;
    int count = 0, settle = 0, steps = 1;  // rounds; steps of each that do not count, and those that do
    double first = 0;                      // seconds that the first of all took more
    std::vector<StepSeconds> means;        // a step's, one for each round
  };
  void begin(const StepSize& size, int steps);
  StepSeconds step();
  Rounds begin_rounds(const StepSize& size);
  void add_round(Rounds& rounds);
  StepCost cost_of(const Rounds& rounds) const;
  double mean(double mine) const;
  double of_rank_0(double mine) const;
  BatchPlan plan(int side, std::int64_t images, std::int64_t batches);

  const MpiSession& mpi_;
  Run& run_;
  Data& data_;
  std::optional<SamConfig> sam_;
  std::int64_t next_;                   // place in the order of the first epoch, of this rank
  std::int64_t trained_ = 0;            // steps
  std::map<int, double> load_seconds_;  // of an image, by side
};

}  // namespace mosaic
