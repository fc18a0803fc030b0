#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "comm/process_group.h"
#include "config/config.h"
#include "device/lap_timer.h"
#include "model/resnet.h"
#include "optim/ema.h"
#include "optim/gradient_scaler.h"
#include "optim/learning_rate.h"
#include "optim/sam.h"
#include "optim/sgd.h"
#include "train/captured_passes.h"
#include "train/draws.h"
#include "train/flat_gradients.h"
#include "train/gradient_exchange.h"
#include "train/step_seconds.h"

namespace mosaic {

/// All that a run keeps from one step to the next. What a checkpoint holds: `net`, `sgd`, `ema`, `sam`, `scaler`, `now`,
/// `seconds`, `config.seed`. Techniques that are off are absent.
struct Run {
  Config config;
  ProcessGroup& ranks;
  std::int64_t batches_per_epoch;
  std::int64_t total_batches;  // of the whole run

  ResNet net;
  at::Tensor buffers;              // all of the net's, one tensor
  std::vector<double> drop_rates;  // stochastic depth's, block by block; empty without it
  FlatGradients gradients;
  GradientExchange exchange;
  DecoupledSgd sgd;
  LearningRateSchedule schedule;
  std::optional<Sam> sam;
  std::optional<Ema> ema;
  std::optional<GradientScaler> scaler;       // with amp_fp16
  std::optional<at::ScalarType> autocast_to;  // with amp_bf16 and amp_fp16
  std::optional<std::int64_t> micro_batch;    // most images in one; none: all that the rank has of a batch
  std::unique_ptr<CapturedPasses> captured;   // with cuda_graphs
  int processes_on_node = 1;                  // that share its memory
  LapTimer laps;                              // whose parts are those of StepPart
  bool settle_late = false;                   // a step's result is waited for when the next one is launched: on GPUs
  at::Tensor proceed;  // bool scalar on the device: false from a step that was not finite until its result is known

  Progress now;
  struct Seconds {
    double train = 0;  // without evaluations
    double eval = 0;
  } seconds;
  bool evaluation_due = false;     // at `now`, which a stop has cut short or left to the next start
  std::string loaded_from;         // the checkpoint that it began with; "" without
  std::int64_t skipped_steps = 0;  // of this process: gradients were not finite

  std::unique_ptr<StepDraws> draws = std::make_unique<KeyedStepDraws>();
  /// Called with the logits of every forward pass, if set: for tests and for looking closer.
  std::function<void(const at::Tensor& logits)> observe_logits;
  /// Called after the backward passes of a pass over the batch, before the optimizer, if set.
  std::function<void()> observe_gradients;
};

/// Net with its initial weights on `device`, changed as the recipe says, optimizer, schedule; nothing trained yet. Logs what
/// the recipe did to the net.
/// @param train_samples  images in the training set
/// @param type  float32; float64 in tests
/// @throws Error if the data set has not one full batch, or precision does not fit the device
std::unique_ptr<Run> build_run(const Config& config, ProcessGroup& ranks, at::Device device, at::ScalarType type,
                               std::int64_t train_samples);

/// What follows is `part` of a step.
inline void enter(Run& run, StepPart part) { run.laps.enter(static_cast<std::size_t>(part)); }

/// Share of the run that is done at `now`, in the unit of max_duration: in a run of 90ep it changes at the end of an epoch.
double elapsed(const Run& run, const Progress& now);

/// `run.now` with one batch more, in the same epoch.
Progress next_batch(const Run& run);
/// Count the batch that has been trained, and let the average of the weights follow. Does not end the epoch.
void finish_batch(Run& run);
/// Count the epoch that has been trained.
void finish_epoch(Run& run);

/// While it lives, the net holds the average of its weights, if there is one.
class AveragedWeights {
 public:
  explicit AveragedWeights(Run& run);
  ~AveragedWeights();
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  void swap();
  Run& run_;
  bool active_;
};

}  // namespace mosaic
