#include "train/train_step.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <limits>

#include "base/error.h"
#include "catch.h"
#include "golden_tensors.h"
#include "model/loss.h"
#include "train/device_choice.h"
#include "train/evaluate.h"
#include "train/throughput.h"
#include "train/train.h"

namespace mosaic {
namespace {

Config tiny_config(std::int64_t batch, LossName loss = LossName::kCrossEntropy) {
  Config config;
  config.model = {.name = "resnet18", .loss_name = loss, .num_classes = 5};
  config.train_dataset.batch_size = batch;
  config.optimizer = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  config.max_duration = {3, TimeUnit::kEpoch};
  return config;
}

/// `n` images drawn from `seed`, of which rank `rank` of `ranks` takes its turn.
Batch random_batch(std::int64_t n, int rank, int ranks, at::ScalarType type) {
  at::manual_seed(5);
  const at::Tensor images = at::randn({n, 3, 32, 32}, at::kDouble), labels = at::randint(5, {n}, at::kLong);
  const at::Tensor mine = at::arange(rank, n, ranks, at::kLong);
  return {.images = images.index_select(0, mine).to(type), .labels = labels.index_select(0, mine)};
}

TEST_CASE("micro-batches are as equal as can be, the last has the rest", "[train]") {
  CHECK(micro_batches(8, 3) == std::vector<std::int64_t>{3, 3, 2});
  CHECK(micro_batches(8, 100) == std::vector<std::int64_t>{8});
  CHECK(micro_batches(8, 1) == std::vector<std::int64_t>(8, 1));
}

TEST_CASE("micro-batches are the reference's", "[train][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("microbatch")) {
    INFO(c);
    CHECK(micro_batches(c[0], c[1]) == c[2].get<std::vector<std::int64_t>>());
  }
}

TEST_CASE("evaluation metrics are the reference's: batches weigh alike in the cross entropy, images in the accuracy",
          "[train][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  // The product's sums over batches, with recorded logits in place of a net's.
  double batch_means = 0, correct = 0, images = 0;
  for (const auto& b : golden->at("metrics").at("batches")) {
    const at::Tensor logits = test::tensor_of(b["x"]).to(at::kFloat), labels = test::targets_of(b["y"]);
    batch_means += loss(LossName::kCrossEntropy, logits, labels).item<double>();
    correct += logits.argmax(1).eq(labels).sum().item<double>();
    images += static_cast<double>(labels.size(0));
  }
  CHECK(batch_means / static_cast<double>(golden->at("metrics").at("batches").size()) ==
        Approx(golden->at("metrics")["CrossEntropy"].get<double>()).epsilon(2e-7));
  CHECK(correct / images == Approx(golden->at("metrics")["MulticlassAccuracy"].get<double>()).epsilon(2e-7));
}

TEST_CASE("fused layers are on in float32 on a CPU, and change a step by rounding only", "[train]") {
  const auto ranks = single_process();
  std::vector<at::Tensor> gradients;
  std::vector<double> losses;
  for (const bool fused : {false, true}) {
    Config config = tiny_config(8);
    config.fused_layers = fused;
    const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 80);
    losses.push_back(train_step(*run, random_batch(8, 0, 1, at::kFloat)).loss);
    std::vector<at::Tensor> parts;  // in one order, whatever the layout
    for (const auto& p : run->net.parameters()) parts.push_back(p.tensor.grad().flatten());
    gradients.push_back(at::cat(parts));
    CHECK(run->net.batches_tracked() == 1);
  }
  CHECK(losses[1] == Approx(losses[0]).epsilon(1e-5));
  CHECK(((gradients[1] - gradients[0]).norm() / gradients[0].norm()).item<double>() <= 2e-2);  // some ReLUs flip
  CHECK_FALSE(at::equal(gradients[1], gradients[0]));
}

TEST_CASE("what is shown of a batch is what the net sees of it, mixed and resized, micro-batch by micro-batch",
          "[train]") {
  const auto ranks = single_process();
  Config config = tiny_config(7);
  config.algorithms.mixup.emplace();
  config.algorithms.colout.emplace();
  config.algorithms.progressive_resizing.emplace();
  config.device_train_microbatch_size = 4;
  const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 80);
  const Batch batch = random_batch(7, 0, 1, at::kFloat);
  const auto inputs = net_inputs(*run, batch);
  REQUIRE(inputs.size() == 2);
  CHECK(inputs[0].images.size(0) == 4);
  CHECK(inputs[0].images.size(3) < 32);
  CHECK_FALSE(inputs[0].mix->partners.equal(inputs[1].mix->partners));

  std::vector<at::Tensor> seen, shown;
  run->observe_logits = [&](const at::Tensor& logits) { seen.push_back(logits); };
  {
    const c10::NoGradGuard no_grad;
    run->net.set_training(true);
    for (const auto& input : inputs) shown.push_back(run->net.forward(input.images, {}));
  }
  train_step(*run, batch);
  REQUIRE(seen.size() == 2);
  for (int i : {0, 1}) CHECK(at::allclose(seen[i], shown[i], 1e-4, 1e-5));
}

TEST_CASE("gradients whose sum overflows are finite, and those with a NaN or infinity among them are not", "[train]") {
  const auto ranks = single_process();
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const float value : {3e38f, inf, nan}) {
    const auto run = build_run(tiny_config(8), *ranks, at::kCPU, at::kFloat, 80);
    // Added to the gradients between the backward pass and the check: as the first thing that the logits do to themselves.
    run->observe_logits = [&](const at::Tensor&) { run->gradients.flat().narrow(0, 0, 4).fill_(value); };
    CHECK(train_step(*run, random_batch(8, 0, 1, at::kFloat)).finite == (value == 3e38f));
  }
}

TEST_CASE("with frozen batch norm, micro-batches give the gradient of the whole batch", "[train]") {
  const auto ranks = single_process();
  const auto gradient = [&](std::optional<std::int64_t> micro) {
    Config config = tiny_config(8);
    config.model.freeze_batch_norm = true;
    config.device_train_microbatch_size = micro;
    const auto run = build_run(config, *ranks, at::kCPU, at::kDouble, 80);
    train_step(*run, random_batch(8, 0, 1, at::kDouble));
    return run->gradients.flat().clone();
  };
  const at::Tensor whole = gradient(std::nullopt);
  CHECK(test::deviation_of_largest(gradient(3), whole) < 1e-12);
  CHECK(test::deviation_of_largest(gradient(1), whole) < 1e-12);
}

TEST_CASE("ranks that share a batch train as one rank does", "[train][mpi]") {
  const auto one = single_process();
  const auto all = mpi_process_group();
  Config config = tiny_config(8);
  config.model.freeze_batch_norm = true;
  const auto alone = build_run(config, *one, at::kCPU, at::kDouble, 80);
  const auto shared = build_run(config, *all, at::kCPU, at::kDouble, 80);
  for (int step = 0; step < 3; ++step, ++alone->now.batch, ++shared->now.batch) {
    const StepResult a = train_step(*alone, random_batch(8, 0, 1, at::kDouble));
    const StepResult b = train_step(*shared, random_batch(8, all->rank(), all->size(), at::kDouble));
    CHECK(b.loss == Approx(a.loss).epsilon(1e-12));
    CHECK(b.accuracy == Approx(a.accuracy).epsilon(1e-12));
    CHECK(test::deviation_of_largest(shared->gradients.flat(), alone->gradients.flat()) < 1e-11);
  }
  const auto mine = shared->net.parameters(), theirs = alone->net.parameters();
  for (std::size_t i = 0; i < mine.size(); ++i)
    CHECK(test::deviation_of_largest(mine[i].tensor, theirs[i].tensor) < 1e-11);
}

TEST_CASE("a NaN on one rank keeps all ranks from the update, and leaves no trace", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  for (const bool sharpness_aware : {false, true}) {
    Config config = tiny_config(8);
    if (sharpness_aware) config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 1};
    const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 80);
    const Batch good = random_batch(8, ranks->rank(), ranks->size(), at::kFloat);
    CHECK(train_step(*run, good).finite);
    if (ranks->size() > 1) ranks->broadcast(buffer_of(run->buffers), 0);
    const auto state = [&] {
      std::vector<at::Tensor> all = {run->buffers.clone()};
      for (const at::Tensor& t : run->sgd.parameters()) all.push_back(t.detach().clone());
      for (const at::Tensor& t : run->sgd.momentum()) all.push_back(t.clone());
      return all;
    };
    const auto before = state();
    ++run->now.batch;

    Batch bad{good.images.clone(), good.labels};
    if (ranks->rank() == ranks->size() - 1) bad.images.view(-1)[5] = std::numeric_limits<float>::quiet_NaN();
    const StepResult result = train_step(*run, bad);

    CHECK_FALSE(result.finite);
    CHECK(result.skipped);
    const auto after = state();
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(at::equal(after[i], before[i]));
    CHECK(train_step(*run, good).finite);
  }
}

TEST_CASE("what one rank is asked for, all ranks learn with the step", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const auto run = build_run(tiny_config(8), *ranks, at::kCPU, at::kFloat, 80);
  const Batch batch = random_batch(8, ranks->rank(), ranks->size(), at::kFloat);
  const bool last = ranks->rank() == ranks->size() - 1;
  CHECK_FALSE(train_step(*run, batch).requests.stop);
  CHECK(train_step(*run, batch, {.stop = last}).requests.stop);
  CHECK(train_step(*run, batch, {.save = last}).requests.save);
  CHECK_FALSE(train_step(*run, batch, {.save = last}).requests.stop);
}

TEST_CASE("where the device decides, a step behind one that was not finite leaves no trace either", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  Config config = tiny_config(8);
  config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 10};
  const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 80),
             other = build_run(config, *ranks, at::kCPU, at::kFloat, 80);
  run->settle_late = true;
  const Batch good = random_batch(8, ranks->rank(), ranks->size(), at::kFloat);
  Batch bad{good.images.clone(), good.labels};
  if (ranks->rank() == ranks->size() - 1) bad.images.view(-1)[5] = std::numeric_limits<float>::quiet_NaN();
  for (Run* each : {run.get(), other.get()}) CHECK(train_step(*each, good).finite);

  const PendingStep first = launch_step(*run, bad), behind = launch_step(*run, good);
  CHECK(first.result().skipped);
  behind.take_back();
  CHECK(train_step(*other, bad).skipped);

  for (Run* each : {run.get(), other.get()}) CHECK(train_step(*each, good).finite);
  for (std::size_t i = 0; i < run->sgd.parameters().size(); ++i) {
    CHECK(at::equal(run->sgd.parameters()[i], other->sgd.parameters()[i]));
    CHECK(at::equal(run->sgd.momentum()[i], other->sgd.momentum()[i]));
  }
  CHECK(at::equal(run->buffers, other->buffers));
  CHECK(run->net.batches_tracked() == 2);
  CHECK(run->sam->steps() == 3);
  CHECK(run->skipped_steps == 1);
}

TEST_CASE("every step begins with rank 0's running statistics", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const auto run = build_run(tiny_config(8), *ranks, at::kCPU, at::kFloat, 80);
  run->buffers.fill_(ranks->rank() == 0 ? 1.f : 7.f);
  run->config.model.freeze_batch_norm = true;
  ResNet& net = run->net;
  train_step(*run, random_batch(8, ranks->rank(), ranks->size(), at::kFloat));
  // All have moved from 1, by a tenth at most of the way to this rank's own statistics.
  CHECK(net.buffers()[0].tensor.max().item<float>() < 6.f);
}

TEST_CASE("evaluation adds up over ranks that have different numbers of batches", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const auto one = single_process();
  const auto evaluate_with = [&](ProcessGroup& group) {
    const auto run = build_run(tiny_config(8), group, at::kCPU, at::kDouble, 80);
    const Batch mine = random_batch(9, group.rank(), group.size(), at::kDouble);  // 9 do not divide by 2 or 4
    std::int64_t at = 0;
    return evaluate(*run, [&]() -> std::optional<Batch> {
      if (at == mine.labels.size(0)) return std::nullopt;
      const std::int64_t begin = at++;
      return Batch{mine.images.narrow(0, begin, 1), mine.labels.narrow(0, begin, 1)};
    });
  };
  const EvalResult a = evaluate_with(*one), b = evaluate_with(*ranks);
  CHECK(b.samples == 9);
  CHECK(b.accuracy == a.accuracy);
  CHECK(b.cross_entropy == Approx(a.cross_entropy).epsilon(1e-12));
  CHECK(b.sample_cross_entropy == Approx(a.sample_cross_entropy).epsilon(1e-12));
}

TEST_CASE("a data set smaller than a batch is refused", "[train]") {
  const auto ranks = single_process();
  CHECK(test::message_of([&] { build_run(tiny_config(64), *ranks, at::kCPU, at::kFloat, 63); }) ==
        "train_dataset.batch_size: got 64, but the training set has 63 images: expected at most that");
}

TEST_CASE("GPUs are used by all ranks or by none", "[train]") {
  const std::vector<RankGpu> two_nodes = {{"n1", 2, "a"}, {"n1", 2, "b"}, {"n2", 2, "a"}, {"n2", 2, "b"}};
  const std::vector<RankGpu> none = {{"n1", 0, ""}, {"n2", 0, ""}};
  const std::vector<RankGpu> one_without = {{"n1", 2, "a"}, {"n1", 2, "b"}, {"n2", 0, ""}};
  const std::vector<RankGpu> crowded = {{"n1", 1, "a"}, {"n1", 1, "a"}};

  CHECK(use_gpus(DeviceChoice::kAuto, two_nodes, false));
  CHECK(use_gpus(DeviceChoice::kGpu, two_nodes, false));
  CHECK_FALSE(use_gpus(DeviceChoice::kCpu, two_nodes, false));
  CHECK_FALSE(use_gpus(DeviceChoice::kAuto, none, false));
  CHECK(use_gpus(DeviceChoice::kAuto, crowded, true));

  const auto refusal = [](DeviceChoice choice, const std::vector<RankGpu>& ranks) {
    return test::message_of([&] { use_gpus(choice, ranks, false); });
  };
  CHECK_THAT(refusal(DeviceChoice::kGpu, none), Catch::StartsWith("device: got gpu, but no GPU is usable on n1, n2: "));
  CHECK_THAT(refusal(DeviceChoice::kAuto, one_without),
             Catch::StartsWith("device: got auto, but some ranks have a GPU (on n1) and some have none (on n2): "));
  CHECK_THAT(refusal(DeviceChoice::kAuto, crowded),
             Catch::StartsWith(
                 "device: host n1: ranks 0 and 1 would share one GPU (2 ranks there, rank 1 sees 1 GPU): start one "));
  CHECK(gpu_of(3, 8) == 3);
  CHECK(gpu_of(3, 1) == 0);  // the launcher shows each rank its own
}

TEST_CASE("an interval has passed when a multiple of it lies between", "[train]") {
  const auto passed = [](Duration interval, Progress before, Progress after) {
    return interval_passed(interval, before, after);
  };
  CHECK(passed({10, TimeUnit::kEpoch}, {.epoch = 9}, {.epoch = 10}));
  CHECK_FALSE(passed({10, TimeUnit::kEpoch}, {.epoch = 10}, {.epoch = 11}));
  CHECK(passed({7, TimeUnit::kBatch}, {.batch = 13}, {.batch = 14}));
  CHECK_FALSE(passed({7, TimeUnit::kBatch}, {.batch = 14}, {.batch = 15}));
}

TEST_CASE("throughput is that of the last 50 batches", "[train]") {
  Throughput throughput;
  for (int batch = 1; batch <= 50; ++batch) throughput.add(batch * 8, batch);
  CHECK(throughput.metrics(2).empty());
  for (int batch = 51; batch <= 101; ++batch) throughput.add(batch * 8, 51 + (batch - 51) * 0.5);
  const Metrics metrics = throughput.metrics(2);
  REQUIRE(metrics.size() == 4);
  CHECK(metrics[0] == std::pair<std::string, double>{"throughput/batches_per_sec", 2});
  CHECK(metrics[1] == std::pair<std::string, double>{"throughput/samples_per_sec", 16});
  CHECK(metrics[3] == std::pair<std::string, double>{"throughput/device/samples_per_sec", 8});
}

}  // namespace
}  // namespace mosaic
