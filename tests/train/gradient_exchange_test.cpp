#include "train/gradient_exchange.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "catch.h"
#include "golden_tensors.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

Config config_of(std::int64_t batch, std::int64_t bucket_bytes) {
  Config config;
  config.model = {.name = "resnet18", .num_classes = 5};
  config.train_dataset.batch_size = batch;
  config.gradient_bucket_bytes = bucket_bytes;
  return config;
}

/// What rank `rank` trains on: the same in every call.
Batch batch_of(int rank, std::int64_t images) {
  at::manual_seed(static_cast<std::uint64_t>(rank) + 7);
  const at::Tensor x = at::randn({images, 3, 32, 32});
  return {.images = x, .labels = at::randint(5, {images}, at::kLong)};
}

constexpr std::int64_t kImages = 4;  // of a rank

at::Tensor gradients_of(ProcessGroup& ranks, const Config& config, const Batch& batch) {
  const auto run = build_run(config, ranks, at::kCPU, at::kFloat, 80);
  at::Tensor gradients;
  run->observe_gradients = [&] { gradients = run->gradients.flat().clone(); };
  train_step(*run, batch);
  return gradients;
}

/// One parameter of ResNet-18 has up to 9.4 MB, all of them 44.7 MB.
constexpr std::int64_t kBucketBytes[] = {100'000, 4'000'000, 10'000'001, 1'000'000'000};

TEST_CASE("gradients are the mean of what single ranks get, and the same bits with any buckets", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const auto one = single_process();
  at::Tensor mean;
  for (int rank = 0; rank < ranks->size(); ++rank) {
    const at::Tensor of_rank = gradients_of(*one, config_of(kImages, 4'000'000), batch_of(rank, kImages));
    mean = mean.defined() ? mean + of_rank : of_rank;
  }
  mean = mean / ranks->size();
  for (const std::int64_t bytes : kBucketBytes) {
    INFO(bytes << " bytes");
    const Config config = config_of(kImages * ranks->size(), bytes);
    // The same bits, not only to rounding: the ranks' gradients are summed in this order.
    CHECK(at::equal(gradients_of(*ranks, config, batch_of(ranks->rank(), kImages)), mean));
  }
}

TEST_CASE("with micro-batches and SAM only complete gradients leave a rank", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  for (const bool sharpness_aware : {false, true}) {
    at::Tensor first;
    for (const std::int64_t bytes : {100'000, 1'000'000'000}) {
      if (!sharpness_aware && bytes > 100'000) continue;  // a net takes its time
      Config config = config_of(kImages * ranks->size(), bytes);
      config.model.freeze_batch_norm = true;
      config.device_train_microbatch_size = 2;
      if (sharpness_aware) config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 1};
      const at::Tensor gradients = gradients_of(*ranks, config, batch_of(ranks->rank(), kImages));
      at::Tensor of_root = gradients.clone();
      ranks->broadcast(buffer_of(of_root), 0);
      CHECK(at::equal(gradients, of_root));
      if (first.defined()) CHECK(at::equal(gradients, first));
      first = gradients;
    }
  }
}

TEST_CASE("buckets leave in one order, though the layers are done in another on each rank", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  std::vector<NamedTensor> parameters;
  for (int i = 0; i < 6; ++i)
    parameters.push_back({"p" + std::to_string(i), at::full({10}, i + 1.0, at::kFloat).requires_grad_(true)});
  FlatGradients gradients(parameters);
  GradientExchange exchange(gradients, parameters, *ranks, 40, WireType::kSame);
  for (int step = 0; step < 3; ++step) {
    gradients.zero();
    exchange.start();
    // In an order of this rank's own; one parameter has no gradient at all.
    std::vector<int> order = {0, 1, 2, 4, 5};
    std::rotate(order.begin(), order.begin() + ranks->rank() % 5, order.end());
    for (const int i : order) (parameters[static_cast<std::size_t>(i)].tensor * (ranks->rank() + i)).sum().backward();
    exchange.finish();
    const double rank_mean = (ranks->size() - 1) / 2.0;
    for (int i = 0; i < 6; ++i) {
      const at::Tensor expected = at::full({10}, i == 3 ? 0 : rank_mean + i, at::kFloat);
      CHECK(at::equal(parameters[static_cast<std::size_t>(i)].tensor.grad(), expected));
    }
  }
}

TEST_CASE("gradients that travel as bfloat16 are the means but for its rounding, alike on all ranks", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  Config config = config_of(kImages * ranks->size(), 4'000'000);
  const Batch batch = batch_of(ranks->rank(), kImages);
  const at::Tensor exact = gradients_of(*ranks, config, batch);
  config.bf16_gradient_exchange = true;
  const at::Tensor rounded = gradients_of(*ranks, config, batch);
  at::Tensor of_root = rounded.clone();
  ranks->broadcast(buffer_of(of_root), 0);
  CHECK(at::equal(rounded, of_root));
  const double deviation = ((rounded - exact).norm() / exact.norm()).item<double>();
  CHECK(deviation < 4e-3);
  if (ranks->size() > 1) CHECK(deviation > 1e-4);
}

}  // namespace
}  // namespace mosaic
