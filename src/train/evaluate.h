#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "device/device_batch.h"
#include "train/run.h"

namespace mosaic {

/// Over all ranks; every image counted once.
struct EvalResult {
  double accuracy = 0;              // top-1 over all images
  double cross_entropy = 0;         // mean over the batches of each batch's mean, as the reference has it
  double sample_cross_entropy = 0;  // mean over the images
  std::int64_t samples = 0;
  /// Of this rank's images, in the order of its batches.
  std::vector<std::int64_t> labels, predicted;
};

/// Where the batches come from, one after the other; nullopt after the last.
using NextBatch = std::function<std::optional<Batch>()>;

/// Run the net, with the average of its weights where the recipe keeps one, in evaluation mode over this rank's batches, and add up over the ranks: sums are reduced, not averages, so
/// that ranks may have different numbers of batches. Softmax cross entropy whatever the training loss. Collective.
EvalResult evaluate(Run& run, const NextBatch& next);

}  // namespace mosaic
