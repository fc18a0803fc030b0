// On GPUs, under mpirun with 1, 2 and 4 ranks: ranks may share one card (NCCL_MULTI_RANK_GPU_ENABLE=1).
#include "device/gpu.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "catch.h"
#include "comm/mpi_session.h"
#include "device/device_batch.h"
#include "device/host_copy.h"
#include "golden_tensors.h"
#include "model/gpu_check.h"
#include "optim/gpu_sgd_check.h"
#include "train/device_choice.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

/// This rank's group and device; says that the test is skipped, and has none, where there is no GPU.
struct GpuRanks {
  std::unique_ptr<ProcessGroup> group;
  at::Device device{at::kCPU};

  GpuRanks() {
    if (gpu_count() == 0) {
      test::say_skipped("no GPU");
      return;
    }
    const auto everyone = mpi_process_group();
    const int index = gpu_of(everyone->rank(), gpu_count());
    use_gpu(index);
    device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
    group = everyone->size() > 1 ? nccl_process_group(index) : single_process();
  }
};

Batch batch_of_rank(int rank, int ranks, at::Device device) {
  at::manual_seed(5);
  const at::Tensor images = at::randn({8, 3, 32, 32}, at::kDouble), labels = at::randint(5, {8}, at::kLong);
  const at::Tensor mine = at::arange(rank, 8, ranks, at::kLong);
  return {.images = images.index_select(0, mine).to(device), .labels = labels.index_select(0, mine).to(device)};
}

TEST_CASE("NCCL sums and broadcasts in every type", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  const int n = ranks.group->size(), rank = ranks.group->rank();
  for (const auto type : {at::kFloat, at::kDouble, at::kLong}) {
    const auto options = at::TensorOptions(ranks.device).dtype(type);
    const at::Tensor sum = at::full({1000}, rank + 1, options), root = at::full({10}, rank, options);
    ranks.group->all_reduce_sum(buffer_of(sum));
    ranks.group->broadcast(buffer_of(root), n - 1);
    ranks.group->barrier();
    CHECK(at::equal(sum.cpu(), at::full({1000}, n * (n + 1) / 2, at::TensorOptions(type))));
    CHECK(at::equal(root.cpu(), at::full({10}, n - 1, at::TensorOptions(type))));
  }
}

TEST_CASE("a batch is copied to the GPU from page-locked memory, which is filled again only after that",
          "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  for (int round = 0; round < 20; ++round) {
    auto slab = std::make_unique<Slab>();
    slab->size = 64, slab->side = 112;
    slab->images.resize(64 * 112 * 112 * 3);
    for (std::size_t i = 0; i < slab->images.size(); ++i)
      slab->images[i] = static_cast<std::uint8_t>(i * 2654435761u >> 16 ^ static_cast<unsigned>(round));
    for (std::int64_t i = 0; i < slab->size; ++i) slab->labels.push_back(i * round);
    bool filled_again = false;
    HostBatch host(slab.release(), [&](const Slab* used) {
      auto* again = const_cast<Slab*>(used);
      std::fill(again->images.begin(), again->images.end(), std::uint8_t{0});
      filled_again = true;
      delete again;
    });
    const Batch expected = to_device(host, at::kCPU, at::kFloat);
    Batch batch = to_device(host, ranks.device, at::kFloat);
    REQUIRE(host->pinned);
    host.reset();
    CHECK_FALSE(filled_again);
    batch.source.reset();
    CHECK(filled_again);
    CHECK(at::allclose(batch.images.cpu(), expected.images, 0, 1e-6));
    CHECK(at::equal(batch.labels.cpu(), expected.labels));
  }
}

TEST_CASE("GPU ranks that share a batch train as one CPU rank does", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  Config config;
  config.model = {.name = "resnet18", .num_classes = 5, .freeze_batch_norm = true};
  config.train_dataset.batch_size = 8;
  config.optimizer = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  const auto one = single_process();
  const auto alone = build_run(config, *one, at::kCPU, at::kDouble, 80);
  const auto shared = build_run(config, *ranks.group, ranks.device, at::kDouble, 80);
  for (int step = 0; step < 3; ++step, ++alone->now.batch, ++shared->now.batch) {
    const StepResult a = train_step(*alone, batch_of_rank(0, 1, at::kCPU));
    const StepResult b = train_step(*shared, batch_of_rank(ranks.group->rank(), ranks.group->size(), ranks.device));
    CHECK(b.loss == Approx(a.loss).epsilon(1e-9));
    CHECK(test::deviation_of_largest(shared->gradients.flat().cpu(), alone->gradients.flat()) < 1e-9);
  }
}

TEST_CASE("every kernel of ours agrees with LibTorch's operators on this GPU", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  for (const std::string& line : disagreements(gpu_layers(), ranks.device)) FAIL_CHECK(line);
  for (const std::string& line : disagreements(gpu_sgd(), ranks.device)) FAIL_CHECK(line);
}

TEST_CASE("numbers of a GPU are copied to the host as they are when their turn comes", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  const auto options = at::TensorOptions(ranks.device).dtype(at::kDouble);
  const at::Tensor numbers = at::zeros({2}, options);
  for (int round = 0; round < 100; ++round) {
    numbers.fill_(sent_to(ranks.device, at::full({}, round, at::kDouble)));
    const HostCopy copy(numbers);
    numbers.fill_(-1);
    CHECK(copy.values() == std::vector<double>{1.0 * round, 1.0 * round});
  }
}

TEST_CASE("a step on a GPU that is not finite changes nothing there, nor does the one behind it", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  for (const auto type : {at::kFloat, at::kDouble}) {  // by the kernel, and by LibTorch's operators
    Config config;
    config.model = {.name = "resnet18", .num_classes = 5};
    config.precision = Precision::kFp32;
    config.train_dataset.batch_size = 8;
    config.optimizer = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
    config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
    const auto run = build_run(config, *ranks.group, ranks.device, type, 80);
    REQUIRE_FALSE(step_waits(*run));
    Batch good = batch_of_rank(ranks.group->rank(), ranks.group->size(), ranks.device);
    good.images = good.images.to(type);
    const Batch bad{good.images * std::numeric_limits<double>::quiet_NaN(), good.labels};
    CHECK(train_step(*run, good).finite);
    if (ranks.group->size() > 1) ranks.group->broadcast(buffer_of(run->buffers), 0);
    const auto state = [&] {
      std::vector<at::Tensor> all = {run->buffers.cpu()};
      for (const at::Tensor& t : run->sgd.parameters()) all.push_back(t.detach().cpu());
      for (const at::Tensor& t : run->sgd.momentum()) all.push_back(t.cpu());
      return all;
    };
    const auto before = state();

    const PendingStep first = launch_step(*run, bad), behind = launch_step(*run, good);
    const StepResult result = first.result();
    behind.take_back();

    CHECK_FALSE(result.finite);
    CHECK(run->net.batches_tracked() == 1);
    const auto after = state();
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(at::equal(after[i], before[i]));
    CHECK(train_step(*run, good).finite);
    CHECK_FALSE(at::equal(state()[1], before[1]));
  }
}

TEST_CASE("bytes are normalised on a GPU with the bits of a CPU, in both layouts", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  const at::Tensor bytes = at::arange(3 * 17 * 17 * 3).mul(37).remainder(256).to(at::kByte).view({3, 17, 17, 3});
  const at::Tensor expected = normalise(bytes, at::kFloat);
  for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    const at::Tensor images = normalise(bytes.to(ranks.device), at::kFloat, layout);
    CHECK(images.is_contiguous(layout));
    CHECK(at::equal(images.cpu(), expected));
  }
}

TEST_CASE("a step on a GPU with fused layers is the step without them, up to rounding", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  Config config;
  config.model = {.name = "resnet50", .num_classes = 5};
  config.train_dataset.batch_size = 8;
  config.optimizer = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  config.algorithms.blurpool.emplace();
  Batch batch = batch_of_rank(ranks.group->rank(), ranks.group->size(), ranks.device);
  batch.images = batch.images.to(at::kFloat);
  for (const auto& [precision, tolerance] : {std::pair{Precision::kFp32, 2e-2}, {Precision::kAmpBf16, 0.3}}) {
    config.precision = precision;
    std::vector<at::Tensor> gradients;
    std::vector<double> losses;
    for (const bool fused : {false, true}) {
      config.fused_layers = fused;
      const auto run = build_run(config, *ranks.group, ranks.device, at::kFloat, 80);
      losses.push_back(train_step(*run, batch).loss);
      std::vector<at::Tensor> parts;  // in one order, whatever the layout
      for (const auto& p : run->net.parameters()) parts.push_back(p.tensor.grad().flatten());
      gradients.push_back(at::cat(parts).cpu());
    }
    CHECK(losses[1] == Approx(losses[0]).epsilon(tolerance));
    CHECK(((gradients[1] - gradients[0]).norm() / gradients[0].norm()).item<double>() <= tolerance);  // ReLUs flip
  }
}

TEST_CASE("steps by captured graphs are those by operators, with SAM, mixing and images of two sizes", "[train][gpu]") {
  const GpuRanks ranks;
  if (!ranks.group) return;
  Config config;
  config.model = {.name = "resnet50", .num_classes = 5};
  config.train_dataset.batch_size = 8;
  config.precision = Precision::kFp32;
  config.optimizer = {.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  config.algorithms.mixup.emplace();
  config.algorithms.stochastic_depth.emplace();
  config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 3};
  const auto plain = build_run(config, *ranks.group, ranks.device, at::kFloat, 800);
  config.cuda_graphs = true;
  const auto captured = build_run(config, *ranks.group, ranks.device, at::kFloat, 800);
  REQUIRE(captured->captured);
  for (int step = 0; step < 20; ++step, ++plain->now.batch, ++captured->now.batch) {
    Batch batch = batch_of_rank(ranks.group->rank(), ranks.group->size(), ranks.device);
    batch.images = (batch.images + 0.1 * step).to(at::kFloat);
    if (step % 2 == 1) batch.images = batch.images.narrow(2, 0, 24).narrow(3, 0, 24);
    const StepResult a = train_step(*plain, batch), b = train_step(*captured, batch);
    CHECK(b.loss == Approx(a.loss).epsilon(2e-2));
    CHECK(b.accuracy == a.accuracy);
  }
  CHECK(captured->captured->in_use() == 2);
  CHECK(captured->net.batches_tracked() == plain->net.batches_tracked());
  for (std::size_t i = 0; i < plain->sgd.parameters().size(); ++i)
    CHECK(test::deviation_of_largest(captured->sgd.parameters()[i].detach().cpu(),
                                     plain->sgd.parameters()[i].detach().cpu()) < 2e-2);
  captured->captured->drop();  // and from the beginning
  for (int step = 0; step < 8; ++step, ++captured->now.batch) {
    Batch batch = batch_of_rank(ranks.group->rank(), ranks.group->size(), ranks.device);
    batch.images = batch.images.to(at::kFloat);
    train_step(*captured, batch);
  }
  CHECK(captured->captured->in_use() == 1);
}

}  // namespace
}  // namespace mosaic
