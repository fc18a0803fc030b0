#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "device/device_batch.h"
#include "device/mix_up.h"
#include "train/run.h"
#include "train/stop_requests.h"

namespace mosaic {

/// Sizes of the micro-batches of `n` images: as equal as possible from the front, none above `most`; 8 by 3 -> 3, 3, 2.
std::vector<std::int64_t> micro_batches(std::int64_t n, std::int64_t most);

/// What a step tells, over all ranks.
struct StepResult {
  double loss = 0;        // mean over the ranks of each rank's mean loss, on the targets as trained with
  double accuracy = 0;    // top-1 of the training-mode logits, of both passes of a SAM step, on the unmixed labels
  std::int64_t side = 0;  // width in pixels of what the net saw
  bool sam_step = false;  // two passes
  double scale = 1;       // of the gradients, as the step leaves it: GradientScaler's
  bool skipped = false;   // no update: gradients were not finite, or a pass of SAM was of no use
  bool finite =
      true;  // loss and gradients; also where they overflow under a gradient scale above 1, which is halved then
  Requests requests;  // of any rank
};

/// What the net sees of one micro-batch.
struct NetInput {
  at::Tensor images;  // (N, 3, S, S), normalised
  std::optional<Mix> mix = {};
};

/// What `train_step` would show the net of `batch` in its first pass, micro-batch by micro-batch. Changes nothing: the draws of a step are
/// functions of where it is.
std::vector<NetInput> net_inputs(Run& run, const Batch& batch);

/// A step that was launched: on a GPU it may still be under way, or wait behind another one.
struct PendingStep {
  /// What the step tells. Waits until the device has made it, but not for what was launched behind it. Call once for each step, in their
  /// order. Where a step was skipped, one that was launched behind it has changed nothing on the device: take it back, and
  /// launch it anew.
  std::function<StepResult()> result;
  /// As if the step had not been launched; instead of `result`. But for running statistics of ranks other than 0, which stay those of
  /// rank 0 that every step begins with.
  std::function<void()> take_back;
};

/// Whether launch_step would wait for the device at the step that is next: always, unless run.settle_late; and even then where the host has
/// to decide in the middle of the step: where SAM is due, where the micro-batch is found by trial. Such a step must not be launched behind
/// one whose result is not known.
bool step_waits(const Run& run);

/// One optimizer step on this rank's part of the global batch, in the order in which the data flows: ColOut, resizing; per pass
/// and micro-batch MixUp, label smoothing, forward, loss, backward; mean of the gradients over the ranks; SAM around it all;
/// update. Reads `run.now.batch`; changes weights, momentum and running statistics, not `run.now`: see `finish_batch`.
/// Without an update where loss or gradients are not finite, on all ranks alike.
/// Unless step_waits(run), nothing in here waits for the device.
/// @param requests  this rank's, to be agreed on: that costs no message of its own
/// Collective. At its start all ranks take over rank 0's running statistics, which is the history that counts
/// (recipes section 7.5).
PendingStep launch_step(Run& run, const Batch& batch, const Requests& requests = {});

/// The same, and its result.
StepResult train_step(Run& run, const Batch& batch, const Requests& requests = {});

}  // namespace mosaic
