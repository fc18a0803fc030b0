#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "catch.h"
#include "comm/mpi_session.h"
#include "device/memory_limit.h"
#include "support.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

constexpr std::int64_t kImages = 8;  // of a rank

Config config_of(int ranks) {
  Config config;
  config.model = {.name = "resnet18", .num_classes = 5};
  config.train_dataset.batch_size = kImages * ranks;
  config.auto_microbatch_size = true;
  config.algorithms.mixup = MixUpConfig{};
  config.optimizer = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  return config;
}

Batch batch_of(int rank) {
  at::manual_seed(static_cast<std::uint64_t>(rank) + 1);
  const at::Tensor images = at::randn({kImages, 3, 32, 32});
  return {.images = images, .labels = at::randint(5, {kImages}, at::kLong)};
}

/// All that a step changes.
std::vector<at::Tensor> state_of(const Run& run) {
  std::vector<at::Tensor> all = {run.buffers.clone()};
  for (const at::Tensor& t : run.sgd.parameters()) all.push_back(t.detach().clone());
  for (const at::Tensor& t : run.sgd.momentum()) all.push_back(t.clone());
  return all;
}

void check_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  REQUIRE(a.size() == b.size());
  bool same = true;
  for (std::size_t i = 0; i < a.size(); ++i) same = same && at::equal(a[i], b[i]);
  CHECK(same);
}

/// Lets a forward pass of this rank fail like one without memory.
void fail_at(Run& run, int forward) {
  run.observe_logits = [forward, seen = 0](const at::Tensor&) mutable {
    TORCH_CHECK_WITH(OutOfMemoryError, seen++ != forward, "injected");
  };
}

TEST_CASE(
    "where one rank has not the memory, all halve the micro-batch, and the step is as if it had been so from the start",
    "[train][mpi]") {
  const auto ranks = mpi_process_group();
  for (const bool sharpness_aware : {false, true}) {
    INFO("SAM " << sharpness_aware);
    Config config = config_of(ranks->size());
    if (sharpness_aware) config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 1};
    const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
    if (ranks->rank() == ranks->size() - 1) fail_at(*run, sharpness_aware ? 1 : 0);  // in the last pass
    const StepResult result = train_step(*run, batch_of(ranks->rank()));

    config.auto_microbatch_size = false;
    config.device_train_microbatch_size = kImages / 2;
    const auto expected = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
    const StepResult expected_result = train_step(*expected, batch_of(ranks->rank()));
    CHECK(run->micro_batch == kImages / 2);
    CHECK(result.loss == expected_result.loss);
    CHECK(run->net.batches_tracked() == expected->net.batches_tracked());
    check_same(state_of(*run), state_of(*expected));
  }
}

TEST_CASE("a backward pass that fails in the middle of the exchange leaves no rank waiting", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const auto run = build_run(config_of(ranks->size()), *ranks, at::kCPU, at::kFloat, 800);
  bool failed = ranks->rank() != 0;
  run->observe_logits = [&](const at::Tensor&) {
    // The first block's gradients come last, when most buckets have left.
    for (const auto& p : run->net.parameters())
      if (p.name == "layer2.0.conv1.weight" && !failed)
        p.tensor.register_hook(
            [&](const at::Tensor&) { TORCH_CHECK_WITH(OutOfMemoryError, std::exchange(failed, true), "injected"); });
  };
  CHECK(train_step(*run, batch_of(ranks->rank())).finite);
  CHECK(run->micro_batch == kImages / 2);
  for (const at::Tensor& weights : run->sgd.parameters()) {
    at::Tensor of_root = weights.detach().clone(at::MemoryFormat::Contiguous);
    ranks->broadcast(buffer_of(of_root), 0);
    CHECK(at::equal(weights, of_root));
  }
  CHECK(train_step(*run, batch_of(ranks->rank())).finite);
}

TEST_CASE("micro-batches are halved until memory suffices, and one image that is too large is an error", "[train]") {
  const auto one = single_process();
  const auto run = build_run(config_of(1), *one, at::kCPU, at::kFloat, 800);
  int failures = 2;
  run->observe_logits = [&](const at::Tensor&) { TORCH_CHECK_WITH(OutOfMemoryError, failures-- <= 0, "injected"); };
  train_step(*run, batch_of(0));
  CHECK(run->micro_batch == kImages / 4);

  failures = 100;
  const auto before = state_of(*run);
  CHECK_THAT(test::message_of([&] { train_step(*run, batch_of(0)); }),
             Catch::StartsWith("out of memory with one image in a micro-batch"));
  check_same(state_of(*run), before);
}

/// Has no memory for the first batch's kept lines, which are drawn before a step's first pass.
class FailingDraws : public KeyedStepDraws {
 public:
  KeptLines kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width,
                       const DrawKey& key) override {
    TORCH_CHECK_WITH(OutOfMemoryError, std::exchange(failed_, true), "injected");
    return KeyedStepDraws::kept_lines(config, height, width, key);
  }

 private:
  bool failed_ = false;
};

TEST_CASE("where one rank has no memory for what is done to the whole batch, no rank waits for it", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  Config config = config_of(ranks->size());
  config.algorithms.colout.emplace();
  const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  if (ranks->rank() == ranks->size() - 1) run->draws = std::make_unique<FailingDraws>();
  const StepResult result = train_step(*run, batch_of(ranks->rank()));

  config.auto_microbatch_size = false;
  config.device_train_microbatch_size = kImages / 2;
  const auto expected = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  CHECK(result.loss == train_step(*expected, batch_of(ranks->rank())).loss);
  CHECK(run->micro_batch == kImages / 2);
  check_same(state_of(*run), state_of(*expected));
}

TEST_CASE("without `auto` a lack of memory is an error", "[train]") {
  const auto one = single_process();
  Config config = config_of(1);
  config.auto_microbatch_size = false;
  const auto run = build_run(config, *one, at::kCPU, at::kFloat, 800);
  fail_at(*run, 0);
  CHECK_THROWS_AS(train_step(*run, batch_of(0)), c10::OutOfMemoryError);
}

TEST_CASE("on a CPU a step stays within its share of the node's memory", "[train]") {
  count_tensor_memory();
  const auto one = single_process();
  const auto run = build_run(config_of(1), *one, at::kCPU, at::kFloat, 800);
  train_step(*run, batch_of(0));
  CHECK_FALSE(run->micro_batch);  // there is room for eight small images

  // So many processes that less is left for this one than the heap holds, of which nothing is free for a batch of this size.
  run->processes_on_node = 1'000'000'000;
  const std::int64_t room = memory_for_tensors(run->processes_on_node) - tensor_memory();
  const std::int64_t side = std::max<std::int64_t>(64, static_cast<std::int64_t>(std::sqrt(room / 1500) / 32 + 1) * 32);
  const Batch large{.images = at::randn({kImages, 3, side, side}), .labels = at::zeros({kImages}, at::kLong)};
  const auto most_seen = [&] { train_step(*run, large); };
  test::message_of(most_seen);  // "" or that one image is too large
  CHECK(run->micro_batch.value_or(kImages) < kImages);
}

}  // namespace
}  // namespace mosaic
