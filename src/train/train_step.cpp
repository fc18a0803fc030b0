#include "train/train_step.h"

#include <ATen/ATen.h>

#include "model/loss.h"

namespace mosaic {

std::vector<std::int64_t> micro_batches(std::int64_t n, std::int64_t most) {
  const std::int64_t parts = (n + most - 1) / most;
  const std::int64_t size = (n + parts - 1) / parts;
  std::vector<std::int64_t> sizes;
  for (std::int64_t at = 0; at < n; at += size) sizes.push_back(std::min(size, n - at));
  return sizes;
}

StepResult train_step(Run& run, const Batch& batch) {
  const std::int64_t n = batch.images.size(0);
  if (run.ranks.size() > 1) run.ranks.broadcast(buffer_of(run.buffers), 0);
  run.net.set_training(true);
  run.gradients.zero();

  at::Tensor total_loss = at::zeros({}, batch.images.options().dtype(at::kDouble));
  at::Tensor correct = at::zeros({}, batch.labels.options());
  std::int64_t at = 0;
  for (const std::int64_t size : micro_batches(n, run.config.device_train_microbatch_size.value_or(n))) {
    const at::Tensor images = batch.images.narrow(0, at, size), labels = batch.labels.narrow(0, at, size);
    const at::Tensor logits = run.net.forward(images);
    if (run.observe_logits) run.observe_logits(logits);
    const double weight = static_cast<double>(size) / static_cast<double>(n);
    const at::Tensor part = loss(run.config.model.loss_name, logits, labels) * weight;
    part.backward();
    total_loss += part.detach();
    correct += logits.detach().argmax(1).eq(labels).sum();
    at += size;
  }
  run.gradients.average(run.ranks);
  run.sgd.step(run.schedule.at_step(run.now.batch));

  const at::Tensor sums = at::stack({total_loss, correct.to(at::kDouble)});
  run.ranks.all_reduce_sum(buffer_of(sums));
  const at::Tensor on_host = sums.cpu();
  const double ranks = run.ranks.size();
  return {.loss = on_host[0].item<double>() / ranks,
          .accuracy = on_host[1].item<double>() / (ranks * static_cast<double>(n))};
}

}  // namespace mosaic
