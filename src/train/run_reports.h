#pragma once

#include <string>
#include <vector>

#include "batch/batch_plan.h"
#include "report/run_log.h"
#include "train/run_status.h"
#include "train/slow_ranks.h"
#include "train/step_seconds.h"
#include "train/throughput.h"
#include "train/train.h"

namespace mosaic {

/// What a training tells people, step by step and evaluation by evaluation: the files of the log folder (run_log.h, run_status.h), the
/// sentences of the log about them and about slow ranks. Called on all ranks; rank 0 writes.
class RunReports {
 public:
  /// @param log    rank 0's; nullptr on the others
  /// @param hosts  of the ranks, in their order
  RunReports(Run& run, Data& data, RunLog* log, const std::vector<std::string>& hosts);

  /// On rank 0, of the batch that was just trained on: what the net saw of it, for TensorBoard.
  void show(const Batch& batch);
  /// Collective, after the batch has been counted.
  /// @param before   it was
  /// @param seconds  where its time went
  /// @param whole    seconds of the step
  void step(const Progress& before, const StepResult& step, const StepSeconds& seconds, double whole);
  void begin_evaluation() { status_.before_evaluation(); }
  /// Collective, once its seconds are counted. @param plan  of this rank
  void evaluation(const EvalResult& result, const BatchPlan& plan, double seconds);
  void end(bool stopped) { status_.end(stopped ? "stopped: to be continued" : "done"); }

  /// For the bar: "1:05:00 of the run left".
  std::string left() const { return status_.left(); }

 private:
  Metrics log_ranks(const StepSeconds& mine);
  void log_step(const Progress& before, const StepResult& step, const Metrics& where_time_went);
  void log_evaluation(const EvalResult& result);
  void log_classes(const EvalResult& result, const BatchPlan& plan);
  Metrics time_metrics() const;

  Run& run_;
  Data& data_;
  RunLog* log_;
  const std::vector<std::string>& hosts_;
  Throughput throughput_;
  StepClock step_clock_;
  RunStatus status_;
};

}  // namespace mosaic
