#include "train/run.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstring>

#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "batch/sampler.h"
#include "model/amx_check.h"
#include "model/blur_pool.h"
#include "model/channels_last.h"
#include "model/gpu_check.h"
#include "model/stochastic_depth.h"
#include "optim/gpu_sgd_check.h"
#include "train/gather_numbers.h"

namespace mosaic {
namespace {

/// Whether the kernels for GPUs compute what they should on this GPU: a wrong one must not train.
bool can_trust_kernels(at::Device gpu) {
  const auto found = disagreements(gpu_layers(), gpu);
  for (const std::string& line : found) log_warning(mosaic::str("GPU kernel ", line));
  if (!found.empty()) log_warning("fused_layers: LibTorch's operators are used instead of these kernels");
  return found.empty();
}

/// The kernels for AMX, where this processor has it and they compute on it what they should.
const AmxKernels* trusted_amx_kernels() {
  if (const int error = amx_refusal())
    log_warning(mosaic::str("fused_layers: this processor has AMX, but the operating system refuses its registers (",
                            std::strerror(error),
                            "; Linux has them from 5.16 on): LibTorch's convolutions are used, without AMX"));
  const AmxKernels* kernels = amx_kernels();
  if (!kernels) return nullptr;
  const auto found = disagreements(*kernels);
  for (const std::string& line : found) log_warning(mosaic::str("AMX kernel: ", line));
  if (!found.empty()) {
    log_warning("fused_layers: LibTorch's convolutions are used instead of the kernels for AMX");
    return nullptr;
  }
  log_info("fused_layers: convolutions by the kernels for AMX");
  return kernels;
}

/// The optimizer's kernel for GPUs, if it computes what it should on those of all ranks: nobody would bring weights together again
/// that one rank steps otherwise than the others.
const GpuSgd* trusted_sgd(at::Device device, ProcessGroup& ranks) {
  if (!device.is_cuda()) return nullptr;
  const auto found = disagreements(gpu_sgd(), device);
  for (const std::string& line : found) log_warning(mosaic::str("GPU kernel ", line));
  if (on_all_ranks(ranks, device, found.empty())) return &gpu_sgd();
  log_warning_of_all(
      "optimizer: LibTorch's operators are used instead of its kernel, which differs from them on some rank");
  return nullptr;
}

ResNet make_net(const Config& config, at::Device device, at::ScalarType type) {
  // The same seed on all ranks, hence the same weights.
  ResNet net(config.model, at::detail::createCPUGenerator(config.seed));
  if (config.algorithms.blurpool) {
    const auto replaced = apply_blur_pool(net, *config.algorithms.blurpool);
    if (replaced.empty()) log_warning_of_all("algorithms.blurpool: there is no layer to blur: it has no effect");
    log_info(mosaic::str("blurpool: ", replaced.size(), " layers blurred"));
  }
  const bool fuse =
      config.fused_layers && type == at::kFloat && (device.is_cpu() || (device.is_cuda() && can_trust_kernels(device)));
  if (config.algorithms.channels_last || fuse) use_channels_last(net);
  net.use_fused_layers(fuse);
  net.to(device, type);
  return net;
}

std::vector<double> make_stochastic_depth(ResNet& net, const Config& config) {
  if (!config.algorithms.stochastic_depth) return {};
  const auto rates = apply_stochastic_depth(net, *config.algorithms.stochastic_depth);
  if (rates.empty())
    log_warning_of_all(mosaic::str("algorithms.stochastic_depth: ", config.model.name,
                                   " has no bottleneck block to act on, or drop_rate is 0: it has no effect"));
  return rates;
}

std::optional<at::ScalarType> autocast_type(const Config& config, at::Device device) {
  switch (config.precision.value_or(default_precision(device.is_cuda()))) {
    case Precision::kAmpBf16:
      return at::kBFloat16;
    case Precision::kAmpFp16:
      return at::kHalf;
    case Precision::kFp32:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Run> build_run(const Config& config, ProcessGroup& ranks, at::Device device, at::ScalarType type,
                               std::int64_t train_samples) {
  const TrainEpoch epoch{train_samples, config.train_dataset.batch_size, ranks.size()};
  const std::int64_t batches_per_epoch = epoch.batches();
  if (batches_per_epoch == 0)
    throw Error(mosaic::str("train_dataset.batch_size: got ", config.train_dataset.batch_size,
                            ", but the training set has ", train_samples, " images: expected at most that"));
  const std::int64_t total = in_batches(config.max_duration, batches_per_epoch, 0);

  ResNet net = make_net(config, device, type);
  const auto drop_rates = make_stochastic_depth(net, config);
  const at::Tensor buffers = net.flatten_buffers();
  const auto parameters = net.parameters();
  const AlgorithmsConfig& algorithms = config.algorithms;
  // In float64, which tests use, nothing is cast.
  const auto autocast_to = type == at::kFloat ? autocast_type(config, device) : std::nullopt;
  if (config.fused_layers && device.is_cpu() && autocast_to == at::kBFloat16) net.use_amx(trusted_amx_kernels());
  if (device.is_cpu() && autocast_to == at::kBFloat16 && !has_bfloat16())
    log_warning(
        "precision: got amp_bf16, but this processor has neither AVX-512 BF16 nor AMX and imitates it: steps take "
        "about ten "
        "times as long as with precision=fp32");

  const FlatGradients gradients(parameters);
  auto run = std::unique_ptr<Run>(
      new Run{.config = config,
              .ranks = ranks,
              .batches_per_epoch = batches_per_epoch,
              .total_batches = total,
              .net = std::move(net),
              .buffers = buffers,
              .drop_rates = drop_rates,
              .gradients = gradients,
              .exchange = GradientExchange(gradients, parameters, ranks, config.gradient_bucket_bytes,
                                           config.bf16_gradient_exchange ? WireType::kBfloat16 : WireType::kSame),
              .sgd = DecoupledSgd(tensors_of(parameters), {.initial_lr = config.optimizer.lr,
                                                           .momentum = config.optimizer.momentum,
                                                           .weight_decay = config.optimizer.weight_decay,
                                                           .gpu = trusted_sgd(device, ranks)}),
              .schedule = make_schedule(config.optimizer, config.scheduler, batches_per_epoch, total),
              .autocast_to = autocast_to,
              .micro_batch = config.device_train_microbatch_size,
              .laps = LapTimer(device, kStepParts),
              .settle_late = device.is_cuda(),
              .proceed = at::ones({}, at::TensorOptions(device).dtype(at::kBool))});
  if (algorithms.sam) run->sam.emplace(*algorithms.sam, tensors_of(parameters));
  if (algorithms.ema) {
    std::vector<at::Tensor> tracked = tensors_of(parameters);
    tracked.push_back(buffers);
    run->ema.emplace(*algorithms.ema, std::move(tracked), run->net.batches_tracked());
  }
  if (autocast_to == at::kHalf) run->scaler.emplace();
  if (config.cuda_graphs && device.is_cuda()) {
    run->captured = std::make_unique<CapturedPasses>(cuda_graph_capture(device));
  } else if (config.cuda_graphs) {
    log_warning_of_all("cuda_graphs: this run is on CPUs: it has no effect");
  }
  return run;
}

double elapsed(const Run& run, const Progress& now) {
  const Duration& length = run.config.max_duration;
  return static_cast<double>(length.unit == TimeUnit::kEpoch ? now.epoch : now.batch) / length.value;
}

Progress next_batch(const Run& run) {
  const std::int64_t samples = run.config.train_dataset.batch_size;
  return {.epoch = run.now.epoch,
          .batch = run.now.batch + 1,
          .sample = run.now.sample + samples,
          .batch_in_epoch = run.now.batch_in_epoch + 1,
          .sample_in_epoch = run.now.sample_in_epoch + samples};
}

void finish_batch(Run& run) {
  run.now = next_batch(run);
  if (run.ema) run.ema->after_batch(run.now, elapsed(run, run.now), run.net.batches_tracked());
}

void finish_epoch(Run& run) {
  run.now = {.epoch = run.now.epoch + 1, .batch = run.now.batch, .sample = run.now.sample};
  if (run.ema) run.ema->after_epoch(run.now, elapsed(run, run.now), run.net.batches_tracked());
}

AveragedWeights::AveragedWeights(Run& run) : run_(run), active_(run.ema && run.ema->started()) { swap(); }

AveragedWeights::~AveragedWeights() { swap(); }

void AveragedWeights::swap() {
  if (active_) run_.net.set_batches_tracked(run_.ema->swap(run_.net.batches_tracked()));
}

}  // namespace mosaic
