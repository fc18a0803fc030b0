#include "train/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "device/autocast.h"
#include "model/loss.h"

namespace mosaic {
namespace {

std::vector<std::int64_t> on_host(const std::vector<at::Tensor>& batches) {
  if (batches.empty()) return {};
  const at::Tensor all = at::cat(batches).cpu();
  const auto* first = all.const_data_ptr<std::int64_t>();
  return {first, first + all.numel()};
}

}  // namespace

EvalResult evaluate(Run& run, const NextBatch& next) {
  const c10::NoGradGuard no_grad;
  const bool was_training = run.net.training();
  run.net.set_training(false);
  const AveragedWeights averaged(run);

  // Batches, their mean losses, images, their losses, correct ones: in double on the device, read once at the end.
  at::Tensor sums = at::zeros({5}, at::TensorOptions(run.net.device()).dtype(at::kDouble));
  std::vector<at::Tensor> labels, predicted;  // of each batch, on the device
  while (const std::optional<Batch> batch = next()) {
    at::Tensor logits;
    {
      const Autocast autocast(batch->images.device().type(), run.autocast_to);
      logits = run.net.forward(batch->images);
    }
    if (run.observe_logits) run.observe_logits(logits);
    const double n = static_cast<double>(batch->images.size(0));
    const at::Tensor mean = loss(LossName::kCrossEntropy, logits, batch->labels).to(at::kDouble);
    labels.push_back(batch->labels);
    predicted.push_back(logits.argmax(1));
    const at::Tensor correct = predicted.back().eq(batch->labels).sum().to(at::kDouble);
    sums += at::stack({at::ones_like(mean), mean, at::full_like(mean, n), mean * n, correct});
  }
  run.net.set_training(was_training);

  run.ranks.all_reduce_sum(buffer_of(sums));
  const at::Tensor total = sums.cpu();
  const auto sum = [&](int i) { return total[i].item<double>(); };
  return {.accuracy = sum(4) / sum(2),
          .cross_entropy = sum(1) / sum(0),
          .sample_cross_entropy = sum(3) / sum(2),
          .samples = static_cast<std::int64_t>(sum(2)),
          .labels = on_host(labels),
          .predicted = on_host(predicted)};
}

}  // namespace mosaic
