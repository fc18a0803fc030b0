#include "train/train_step.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "batch/resize_schedule.h"
#include "comm/mpi_session.h"
#include "device/host_copy.h"
#include "device/memory_limit.h"
#include "device/resize_nearest.h"
#include "model/label_smoothing.h"
#include "model/loss.h"
#include "train/expectation.h"
#include "train/gather_numbers.h"
#include "train/net_pass.h"
#include "train/saved_statistics.h"

namespace mosaic {
namespace {

/// What one pass over the rank's batch tells, still on the device.
struct Pass {
  at::Tensor loss;     // float64 scalar: mean over the images of this rank
  at::Tensor correct;  // int64 scalar
};

/// Whole-batch changes on the device, before the batch is split: ColOut, then the reference's progressive resizing.
at::Tensor prepare(Run& run, at::Tensor images, const DrawKey& key) {
  const AlgorithmsConfig& recipe = run.config.algorithms;
  if (recipe.colout)
    images = col_out(images, run.draws->kept_lines(*recipe.colout, images.size(2), images.size(3), key));
  if (recipe.progressive_resizing && recipe.progressive_resizing->mode == ResizeMode::kDeviceNearest)
    images = resize_nearest(
        images, nearest_scale(*recipe.progressive_resizing, static_cast<int>(images.size(3)), elapsed(run, run.now)));
  return images;
}

/// What the net is given of a micro-batch, beside what stochastic depth keeps of it.
struct MicroBatch {
  at::Tensor images, targets;
  std::optional<Mix> mix;
};

MicroBatch mixed(Run& run, const at::Tensor& images, const at::Tensor& labels, const DrawKey& key) {
  const AlgorithmsConfig& recipe = run.config.algorithms;
  const std::int64_t classes = run.config.model.num_classes;
  const at::ScalarType type = run.net.type();
  MicroBatch result{.images = images, .targets = labels};
  if (recipe.mixup) result.mix = run.draws->mix(*recipe.mixup, images.size(0), key);
  if (result.mix) result.images = mix_images(images, *result.mix);
  if (recipe.label_smoothing)
    result.targets = smooth(dense_targets(labels, classes, type), recipe.label_smoothing->smoothing);
  if (result.mix) {  // after smoothing: the partner's label stays sharp, as published
    const at::Tensor sharp = dense_targets(labels, classes, type);
    result.targets = mix_targets(result.targets.dim() == 2 ? result.targets : sharp, sharp, *result.mix);
  }
  return result;
}

/// Forward and backward over one micro-batch; the gradient counts `weight` times.
/// @param complete  see net_pass
Pass run_micro_batch(Run& run, const at::Tensor& images, const at::Tensor& labels, double weight, bool complete,
                     const DrawKey& key) {
  enter(run, StepPart::kForward);
  const MicroBatch given = mixed(run, images, labels, key);
  const double factor = weight * (run.scaler ? run.scaler->scale() : 1);
  NetPassInput input{.images = given.images,
                     .targets = given.targets,
                     .labels = labels,
                     .factor = at::full({}, factor, images.options())};
  if (!run.drop_rates.empty())
    input.keep = sent_to(images.device(), run.draws->keep(run.drop_rates, images.size(0), key));
  const NetPassResult result = net_pass(run, input, complete);
  return {.loss = result.loss.to(at::kDouble) * weight, .correct = result.correct};
}

/// No NaN and no infinity in `gradients`, which after the mean over the ranks is the same on all of them: one that has
/// met a NaN has passed it on. A sum of floats may overflow where none of them is infinite: only then in double, which
/// takes ten times as long.
bool is_finite(const at::Tensor& gradients) {
  return std::isfinite(gradients.sum().item<double>()) || std::isfinite(gradients.sum(at::kDouble).item<double>());
}

/// True if `here` is true on all ranks.
bool on_all_ranks(Run& run, bool here) {
  enter(run, StepPart::kCollectives);
  const bool everywhere = on_all_ranks(run.ranks, run.net.device(), here);
  enter(run, StepPart::kOptimizer);
  return everywhere;
}

/// Thrown on all ranks: one of them had not the memory for its micro-batch.
struct NotEnoughMemory {};

/// The sums over all micro-batches of one pass over the rank's batch, its gradients added up.
Pass run_micro_batches(Run& run, const at::Tensor& images, const at::Tensor& labels, bool over_all_ranks, DrawKey key) {
  const std::int64_t n = images.size(0);
  run.gradients.zero();
  Pass pass{.loss = at::zeros({}, images.options().dtype(at::kDouble)), .correct = at::zeros({}, labels.options())};
  std::int64_t at = 0;
  for (const std::int64_t size : micro_batches(n, run.micro_batch.value_or(n))) {
    const Pass part =
        run_micro_batch(run, images.narrow(0, at, size), labels.narrow(0, at, size),
                        static_cast<double>(size) / static_cast<double>(n), over_all_ranks && at + size == n, key);
    pass.loss += part.loss;
    pass.correct += part.correct;
    ++key.micro_batch;
    at += size;
  }
  return pass;
}

/// Calls `action`; with `auto` micro-batches, where memory need not suffice for it, which on a CPU the program has to find out by itself.
/// @return whether it did
template <class Action>
bool try_in_memory(const Run& run, const Action& action) {
  if (!run.config.auto_microbatch_size) {
    action();
    return true;
  }
  std::optional<MemoryLimit> limit;
  if (run.net.device().is_cpu()) limit.emplace(memory_for_tensors(run.processes_on_node));
  try {
    action();
    return true;
  } catch (const c10::OutOfMemoryError&) {
    return false;
  }
}

/// One pass over the rank's batch, and the mean of the gradients over the ranks.
/// @param images  undefined where there was no memory for them
/// @throws NotEnoughMemory on all ranks alike
Pass run_pass(Run& run, const at::Tensor& images, const at::Tensor& labels, bool over_all_ranks, const DrawKey& key) {
  std::optional<Pass> pass;
  if (images.defined()) try_in_memory(run, [&] { pass = run_micro_batches(run, images, labels, over_all_ranks, key); });
  enter(run, StepPart::kExchange);
  if (over_all_ranks) run.exchange.finish();  // also without a pass: the other ranks are in it
  enter(run, StepPart::kOptimizer);
  if (run.config.auto_microbatch_size && !on_all_ranks(run, pass.has_value())) throw NotEnoughMemory{};
  return *pass;
}

/// Half of what was too much. @param images  the rank's
void halve_micro_batch(Run& run, std::int64_t images) {
  const std::int64_t too_many = std::min(run.micro_batch.value_or(images), images);
  if (too_many == 1)
    throw AgreedError(
        "out of memory with one image in a micro-batch: train_dataset.crop_size or model.name must change", kExitCrash);
  run.micro_batch = too_many / 2;
  log_warning_of_all(mosaic::str("device_train_microbatch_size: memory does not suffice for ", too_many,
                                 " images at once: ", *run.micro_batch, " from now on"));
  if (run.captured) run.captured->drop();
  if (run.net.device().is_cuda()) at::accelerator::emptyCache();
}

/// launch_step, unless it throws NotEnoughMemory: then nothing has changed.
PendingStep try_step(Run& run, const Batch& batch, const Requests& requests) {
  const bool late = !step_waits(run);  // the device decides whether the step counts, and the host learns it later
  // Gradients that overflow at a large scale are nothing special: it is halved. Those that do so at a small one are not its fault.
  const bool overflow_is_usual = run.scaler && run.scaler->scale() > 1;
  Expectation expectation(run);
  DrawKey key{.seed = run.config.seed, .step = run.now.batch, .rank = run.ranks.rank()};
  const std::int64_t n = batch.images.size(0);
  enter(run, StepPart::kCollectives);
  if (run.ranks.size() > 1) run.ranks.broadcast(buffer_of(run.buffers), 0);
  enter(run, StepPart::kOther);
  const SavedStatistics statistics(run);
  run.net.set_training(true);
  at::Tensor images;
  try_in_memory(run, [&] { images = prepare(run, batch.images, key); });

  std::vector<Pass> passes;  // one, or two where SAM is due
  bool finite = true;        // of the last pass, on all ranks
  at::Tensor finite_there;   // the same where it is late: a scalar on the device
  at::Tensor keep_statistics = run.proceed;
  const auto gradients = [&](bool over_all_ranks) {
    key.pass = static_cast<int>(passes.size());
    key.micro_batch = 0;
    const Pass pass = run_pass(run, images, batch.labels, over_all_ranks, key);
    passes.push_back(pass);
    if (late) {
      if (overflow_is_usual) keep_statistics = run.proceed.clone();
      finite_there =
          run.scaler ? run.scaler->unscale(run.gradients.flat()) : at::isfinite(run.gradients.flat().sum(at::kDouble));
      run.proceed.logical_and_(finite_there);
      if (run.observe_gradients) run.observe_gradients();
      return true;
    }
    if (run.scaler)
      finite = on_all_ranks(run, run.scaler->unscale(run.gradients.flat()).item<bool>());
    else
      finite = over_all_ranks ? is_finite(run.gradients.flat()) : on_all_ranks(run, is_finite(run.gradients.flat()));
    if (run.observe_gradients) run.observe_gradients();
    // The reference takes a loss of exactly 0 for a pass that failed, but in SAM's steps only.
    const bool useful = !run.sam || !run.sam->due() || on_all_ranks(run, pass.loss.item<double>() != 0);
    return finite && useful;
  };
  const auto update = [&] { run.sgd.step(run.schedule.at_step(run.now.batch), late ? run.proceed : at::Tensor()); };
  StepResult result{.sam_step = run.sam && run.sam->due()};
  try {
    if (run.sam)
      result.skipped = !run.sam->step(gradients, update);
    else if (gradients(true))
      update();
    else
      result.skipped = true;
  } catch (const NotEnoughMemory&) {
    statistics.restore(run);
    throw;
  }
  result.finite = finite || overflow_is_usual;
  // What made the gradients NaN is in the batch's statistics, too.
  if (late)
    statistics.restore_unless(keep_statistics, run);
  else if (!result.finite)
    statistics.restore(run);
  if (late)
    expectation.begin();
  else if (run.scaler)
    run.scaler->update(finite);
  if (run.scaler) result.scale = run.scaler->scale();
  if (result.skipped) ++run.skipped_steps;

  enter(run, StepPart::kCollectives);
  // The loss is the first pass's, the accuracy that of all passes.
  at::Tensor correct = passes[0].correct;
  for (std::size_t i = 1; i < passes.size(); ++i) correct = correct + passes[i].correct;
  const auto flag = [&](bool set) { return at::full_like(passes[0].loss, set ? 1 : 0); };
  std::vector<at::Tensor> numbers = {passes[0].loss, correct.to(at::kDouble), flag(requests.save), flag(requests.stop)};
  if (late) numbers.push_back(finite_there.to(at::kDouble));
  const at::Tensor sums = at::stack(numbers);
  run.ranks.all_reduce_sum(buffer_of(sums));
  const auto on_host = std::make_shared<HostCopy>(sums);
  enter(run, StepPart::kOther);
  result.side = images.size(3);
  const double images_seen =
      static_cast<double>(run.ranks.size()) * static_cast<double>(n) * static_cast<double>(passes.size());

  const auto tell = [&run, result, expectation, late, overflow_is_usual, on_host, images_seen] {
    StepResult told = result;
    const std::vector<double> totals = on_host->values();
    told.loss = totals[0] / run.ranks.size();
    told.accuracy = totals[1] / images_seen;
    told.requests = {.save = totals[2] > 0, .stop = totals[3] > 0};
    if (late && totals[4] > 0 && totals[4] < run.ranks.size())
      throw AgreedError(mosaic::str("the mean of the gradients is finite on ", totals[4], " of ", run.ranks.size(),
                                    " ranks, expected on all or none: their weights are not the same any more. Go on "
                                    "from the last checkpoint"),
                        kExitCrash);
    if (late && totals[4] == 0) {
      told.finite = overflow_is_usual;
      told.skipped = true;
      expectation.disappoint(overflow_is_usual);
      if (run.scaler) told.scale = run.scaler->scale();
    }
    return told;
  };
  return {.result = tell, .take_back = [expectation] { expectation.take_back(); }};
}

}  // namespace

std::vector<std::int64_t> micro_batches(std::int64_t n, std::int64_t most) {
  const std::int64_t parts = (n + most - 1) / most;
  const std::int64_t size = (n + parts - 1) / parts;
  std::vector<std::int64_t> sizes;
  for (std::int64_t at = 0; at < n; at += size) sizes.push_back(std::min(size, n - at));
  return sizes;
}

std::vector<NetInput> net_inputs(Run& run, const Batch& batch) {
  DrawKey key{.seed = run.config.seed, .step = run.now.batch, .rank = run.ranks.rank()};
  const at::Tensor images = prepare(run, batch.images, key);
  const std::int64_t n = images.size(0);
  std::vector<NetInput> inputs;
  std::int64_t at = 0;
  for (const std::int64_t size : micro_batches(n, run.micro_batch.value_or(n))) {
    const MicroBatch given = mixed(run, images.narrow(0, at, size), batch.labels.narrow(0, at, size), key);
    inputs.push_back({given.images, given.mix});
    ++key.micro_batch;
    at += size;
  }
  return inputs;
}

bool step_waits(const Run& run) {
  return !run.settle_late || (run.sam && run.sam->due()) || run.config.auto_microbatch_size;
}

PendingStep launch_step(Run& run, const Batch& batch, const Requests& requests) {
  while (true) {
    try {
      return try_step(run, batch, requests);
    } catch (const NotEnoughMemory&) {
      halve_micro_batch(run, batch.images.size(0));
    }
  }
}

StepResult train_step(Run& run, const Batch& batch, const Requests& requests) {
  return launch_step(run, batch, requests).result();
}

}  // namespace mosaic
