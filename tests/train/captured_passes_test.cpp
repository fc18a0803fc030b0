// On the host, with graphs that are run again call by call: what of a captured pass is not CUDA's.
#include "train/captured_passes.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "catch.h"
#include "comm/mpi_session.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

/// Calls `work` again at each start.
class CalledAgain : public CapturedGraph {
 public:
  explicit CalledAgain(std::function<void()> work) : work_(std::move(work)) {}
  void start() override { work_(); }

 private:
  std::function<void()> work_;
};

/// How many graphs it has made is counted in `made`.
class CallAgain : public GraphCapture {
 public:
  explicit CallAgain(int& made) : made_(made) {}
  std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) override {
    work();
    ++made_;
    return std::make_unique<CalledAgain>(work);
  }

 private:
  int& made_;
};

/// Every graph does nothing when it is started.
class NothingAgain : public GraphCapture {
 public:
  std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) override {
    work();
    return std::make_unique<CalledAgain>([] {});
  }
};

class CannotCapture : public GraphCapture {
 public:
  std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) override {
    work();
    if (++calls_ == 2) throw Error("operation not permitted when stream is capturing");
    return std::make_unique<CalledAgain>(work);
  }

 private:
  int calls_ = 0;
};

constexpr std::int64_t kImages = 7;  // of a rank

/// With all that changes what a pass is given.
Config config_of(int ranks) {
  Config config;
  config.model = {.name = "resnet50", .num_classes = 5, .width = 16};
  config.train_dataset.batch_size = kImages * ranks;
  config.device_train_microbatch_size = 4;  // 4 and 3: two shapes
  config.gradient_bucket_bytes = 100'000;
  config.algorithms.mixup.emplace();
  config.algorithms.label_smoothing.emplace();
  config.algorithms.stochastic_depth.emplace();
  config.algorithms.sam = SamConfig{.rho = 0.1, .interval = 2};
  config.optimizer = {.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-3};
  config.scheduler.t_warmup = {0, TimeUnit::kEpoch};
  return config;
}

Batch batch_of(int rank, int step) {
  at::manual_seed(static_cast<std::uint64_t>(100 * step + rank));
  const at::Tensor images = at::randn({kImages, 3, 32, 32});
  return {.images = images, .labels = at::randint(5, {kImages}, at::kLong)};
}

struct Outcome {
  std::vector<double> losses, accuracies;
  std::vector<at::Tensor> state;
  std::int64_t batches_tracked;
};

Outcome outcome_of(Run& run) {
  Outcome outcome;
  for (int step = 0; step < 8; ++step, ++run.now.batch) {
    const StepResult result = train_step(run, batch_of(run.ranks.rank(), step));
    outcome.losses.push_back(result.loss);
    outcome.accuracies.push_back(result.accuracy);
  }
  outcome.state = {run.buffers};
  for (const at::Tensor& t : run.sgd.parameters()) outcome.state.push_back(t.detach());
  outcome.batches_tracked = run.net.batches_tracked();
  return outcome;
}

void check_same(const Outcome& a, const Outcome& b) {
  CHECK(a.losses == b.losses);
  CHECK(a.accuracies == b.accuracies);
  CHECK(a.batches_tracked == b.batches_tracked);
  REQUIRE(a.state.size() == b.state.size());
  bool same = true;
  for (std::size_t i = 0; i < a.state.size(); ++i) same = same && at::equal(a.state[i], b.state[i]);
  CHECK(same);
}

TEST_CASE(
    "a run by captured passes has the bits of one by operators, with micro-batches, mixing, stochastic depth and SAM",
    "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const Config config = config_of(ranks->size());
  const auto plain = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  const auto captured = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  int made = 0;
  captured->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  check_same(outcome_of(*captured), outcome_of(*plain));
  CHECK(made == 4);  // forward and backward, of two shapes
  CHECK(captured->captured->in_use() == 2);
}

TEST_CASE("batch norm that is frozen counts no batches in captured passes either", "[train]") {
  const auto one = single_process();
  Config config = config_of(1);
  config.model.freeze_batch_norm = true;
  const auto plain = build_run(config, *one, at::kCPU, at::kFloat, 800);
  const auto captured = build_run(config, *one, at::kCPU, at::kFloat, 800);
  int made = 0;
  captured->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  check_same(outcome_of(*captured), outcome_of(*plain));
  CHECK(captured->captured->in_use() == 2);
}

TEST_CASE("captured passes that compute something else are not used, on the rank that has them", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const Config config = config_of(ranks->size());
  const auto plain = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  const auto captured = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  int made = 0;
  if (ranks->rank() == 0)
    captured->captured = std::make_unique<CapturedPasses>(std::make_unique<NothingAgain>());
  else
    captured->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  check_same(outcome_of(*captured), outcome_of(*plain));
  CHECK(captured->captured->in_use() == (ranks->rank() == 0 ? 0 : 2));
}

TEST_CASE("a pass that cannot be captured leaves no trace", "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const Config config = config_of(ranks->size());
  const auto plain = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  const auto captured = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  captured->captured = std::make_unique<CapturedPasses>(std::make_unique<CannotCapture>());
  check_same(outcome_of(*captured), outcome_of(*plain));
  CHECK(captured->captured->in_use() == 1);  // the other shape's
}

/// Does all that the work does, but the change of the running statistics.
class WithoutStatistics : public GraphCapture {
 public:
  explicit WithoutStatistics(Run& run) : run_(run) {}
  std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) override {
    work();
    return std::make_unique<CalledAgain>([this, work] {
      const at::Tensor before = run_.buffers.clone();
      work();
      run_.buffers.copy_(before);
    });
  }

 private:
  Run& run_;
};

TEST_CASE("captured passes that leave out the running statistics are not used, also where these hardly change",
          "[train]") {
  const auto one = single_process();
  Config config = config_of(1);
  config.algorithms = {};
  config.optimizer.lr = 1e-9;
  const auto run = build_run(config, *one, at::kCPU, at::kFloat, 800);
  for (int step = 0; step < 50; ++step) train_step(*run, batch_of(0, 0));  // the same images again and again
  run->captured = std::make_unique<CapturedPasses>(std::make_unique<WithoutStatistics>(*run));
  for (int step = 0; step < CapturedPasses::kWarmUp + 2; ++step) train_step(*run, batch_of(0, 0));
  CHECK(run->captured->in_use() == 0);
}

TEST_CASE("where graphs leave too little memory for the operators, they go, and the pass is made again",
          "[train][mpi]") {
  const auto ranks = mpi_process_group();
  const Config config = config_of(ranks->size());
  const auto plain = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  const auto captured = build_run(config, *ranks, at::kCPU, at::kFloat, 800);
  int made = 0, backward_passes = 0;
  captured->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  // Three warm-ups of two shapes, SAM's passes among them; the first shape is captured; then the operators make its pass.
  constexpr int kByOperatorsAfterCapture = 2 * CapturedPasses::kWarmUp + 2;
  captured->net.parameters().front().tensor.register_hook([&](const at::Tensor&) {
    TORCH_CHECK_WITH(OutOfMemoryError, ++backward_passes != kByOperatorsAfterCapture || ranks->rank() > 0, "injected");
  });
  check_same(outcome_of(*captured), outcome_of(*plain));
  CHECK(captured->captured->in_use() == (ranks->rank() == 0 ? 0 : 2));
}

TEST_CASE("captured passes behind a step that was not finite are taken back as those by operators are", "[train]") {
  const auto one = single_process();
  Config config = config_of(1);
  config.algorithms.sam.reset();
  const auto plain = build_run(config, *one, at::kCPU, at::kFloat, 800);
  const auto late = build_run(config, *one, at::kCPU, at::kFloat, 800);
  late->settle_late = true;
  int made = 0;
  late->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  constexpr int kBad = 7;
  const auto batch = [&](int step) {
    Batch b = batch_of(0, step);
    if (step == kBad) b.images.fill_(std::numeric_limits<float>::quiet_NaN());
    return b;
  };
  std::optional<PendingStep> pending;
  for (int step = 0; step < 10; ++step, ++plain->now.batch, ++late->now.batch) {
    train_step(*plain, batch(step));
    PendingStep latest = launch_step(*late, batch(step));
    if (pending && pending->result().skipped) {
      CHECK(step == kBad + 1);
      latest.take_back();
      latest = launch_step(*late, batch(step));
    }
    pending = latest;
  }
  pending->result();
  CHECK(late->captured->in_use() == 2);
  CHECK(late->net.batches_tracked() == plain->net.batches_tracked());
  CHECK(at::equal(late->buffers, plain->buffers));
  bool same = true;
  for (std::size_t i = 0; i < plain->sgd.parameters().size(); ++i)
    same = same && at::equal(late->sgd.parameters()[i], plain->sgd.parameters()[i]);
  CHECK(same);
}

TEST_CASE("gradients that are not finite do not decide about a captured pass", "[train]") {
  const auto one = single_process();
  Config config = config_of(1);
  config.algorithms = {};
  config.device_train_microbatch_size.reset();
  const auto run = build_run(config, *one, at::kCPU, at::kFloat, 800);
  int made = 0;
  run->captured = std::make_unique<CapturedPasses>(std::make_unique<CallAgain>(made));
  Batch bad = batch_of(0, 0);
  bad.images.fill_(std::numeric_limits<float>::quiet_NaN());
  for (int step = 0; step <= CapturedPasses::kWarmUp; ++step) train_step(*run, batch_of(0, step));
  CHECK(made == 2);
  CHECK_FALSE(train_step(*run, bad).finite);
  CHECK(run->captured->in_use() == 0);
  CHECK(train_step(*run, batch_of(0, 0)).finite);
  CHECK(run->captured->in_use() == 1);
}

}  // namespace
}  // namespace mosaic
