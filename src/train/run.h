#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "base/progress.h"
#include "comm/process_group.h"
#include "config/config.h"
#include "model/resnet.h"
#include "optim/learning_rate.h"
#include "optim/sgd.h"
#include "train/flat_gradients.h"

namespace mosaic {

/// All that a run keeps from one step to the next. What a checkpoint holds: `net`, `sgd`, `now`, `seconds`, `config.seed`.
struct Run {
  Config config;
  ProcessGroup& ranks;
  std::int64_t batches_per_epoch;
  std::int64_t total_batches;  // of the whole run

  ResNet net;
  at::Tensor buffers;  // all of the net's, one tensor
  FlatGradients gradients;
  DecoupledSgd sgd;
  LearningRateSchedule schedule;

  Progress now;
  struct Seconds {
    double train = 0;  // without evaluations
    double eval = 0;
  } seconds;

  /// Called with the logits of every forward pass, if set: for tests and for looking closer.
  std::function<void(const at::Tensor& logits)> observe_logits;
};

/// Net with its initial weights on `device`, optimizer, schedule; nothing trained yet.
/// @param train_samples  images in the training set
/// @param type  float32; float64 in tests
/// @throws Error if the data set has not one full batch, or max_duration is shorter than a batch
std::unique_ptr<Run> build_run(const Config& config, ProcessGroup& ranks, at::Device device, at::ScalarType type,
                               std::int64_t train_samples);

}  // namespace mosaic
