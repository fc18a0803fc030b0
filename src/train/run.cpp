#include "train/run.h"

#include <ATen/CPUGeneratorImpl.h>

#include "base/error.h"
#include "batch/sampler.h"

namespace mosaic {
namespace {

ResNet make_net(const Config& config, at::Device device, at::ScalarType type) {
  // The same seed on all ranks, hence the same weights.
  ResNet net(config.model, at::detail::createCPUGenerator(config.seed));
  net.to(device, type);
  return net;
}

std::vector<at::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  for (const auto& n : named) tensors.push_back(n.tensor);
  return tensors;
}

}  // namespace

std::unique_ptr<Run> build_run(const Config& config, ProcessGroup& ranks, at::Device device, at::ScalarType type,
                               std::int64_t train_samples) {
  const TrainEpoch epoch{train_samples, config.train_dataset.batch_size, ranks.size()};
  const std::int64_t batches_per_epoch = epoch.batches();
  if (batches_per_epoch == 0)
    throw Error(str("train_dataset.batch_size: got ", config.train_dataset.batch_size, ", but the training set has ",
                    train_samples, " images: expected at most that"));
  const std::int64_t total = in_batches(config.max_duration, batches_per_epoch, 0);

  ResNet net = make_net(config, device, type);
  const at::Tensor buffers = net.flatten_buffers();
  const auto parameters = net.parameters();
  DecoupledSgd sgd(tensors_of(parameters), {.initial_lr = config.optimizer.lr,
                                            .momentum = config.optimizer.momentum,
                                            .weight_decay = config.optimizer.weight_decay});
  return std::unique_ptr<Run>(
      new Run{.config = config,
              .ranks = ranks,
              .batches_per_epoch = batches_per_epoch,
              .total_batches = total,
              .net = std::move(net),
              .buffers = buffers,
              .gradients = FlatGradients(parameters),
              .sgd = std::move(sgd),
              .schedule = make_schedule(config.optimizer, config.scheduler, batches_per_epoch, total)});
}

}  // namespace mosaic
