// Results that are looked at one step late, as on a GPU, here on CPUs: the run must be the one that looks at each step's at once.
#include <ATen/ATen.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/node_memory.h"
#include "catch.h"
#include "comm/mpi_session.h"
#include "cuda_emulation.h"
#include "optim/gpu_sgd.cuh"
#include "shards/make_shards.h"
#include "support.h"
#include "train/checkpoint.h"
#include "train/data.h"
#include "train/train.h"

namespace mosaic {
namespace {

void* no_stream() { return nullptr; }
const GpuSgd kEmulatedSgd{start_sgd, no_stream};

/// A folder that all ranks share.
class SharedFolder {
 public:
  SharedFolder() : path_(gather_texts(mine_.path())[0]) {}
  ~SharedFolder() { gather_texts(""); }  // none may remove it while another one reads
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  test::TemporaryFolder mine_;
  std::string path_;
};

/// A metrics.jsonl without what depends on the clock.
std::vector<std::string> timeless_metrics(const std::string& path) {
  std::vector<std::string> lines;
  std::istringstream in(test::read_text(path));
  for (std::string line; std::getline(in, line);) {
    auto json = nlohmann::json::parse(line);
    for (auto item = json.begin(); item != json.end();) {
      const std::string& key = item.key();
      const bool of_clock = key == "time" || key == "time/train" || key == "time/val" || key == "time/total" ||
                            key.starts_with("throughput/") || key.starts_with("step_seconds/");
      item = of_clock ? json.erase(item) : std::next(item);
    }
    lines.push_back(json.dump());
  }
  return lines;
}

/// All that a run leaves behind.
struct Outcome {
  std::string error;
  std::vector<std::string> metrics;  // rank 0's
  std::vector<at::Tensor> tensors;
  std::vector<std::int64_t> numbers;
  bool stopped = false;
};

/// Twelve steps of a small net with two evaluations an epoch, over all ranks of the job.
class Trial {
 public:
  Trial() : ranks_(mpi_process_group()) {
    if (ranks_->rank() == 0) {
      test::write_shards(folder_ / "", "train", test::some_samples(33), 8);
      test::write_shards(folder_ / "", "val", test::some_samples(9), 8);
    }
    gather_texts("");
    config_.model = {.name = "resnet18", .num_classes = 3, .width = 8};
    config_.train_dataset.path = folder_ / "";
    config_.train_dataset.crop_size = 16;
    config_.train_dataset.batch_size = 8;
    config_.eval_dataset.path = folder_ / "";
    config_.eval_dataset.resize_size = 16;
    config_.eval_dataset.crop_size = 16;
    config_.eval_dataset.batch_size = 4;
    config_.optimizer = {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3};
    config_.scheduler.t_warmup = {0, TimeUnit::kEpoch};
    config_.max_duration = {3, TimeUnit::kEpoch};
    config_.eval_interval = {7, TimeUnit::kBatch};
    config_.save_interval = {100, TimeUnit::kEpoch};
    config_.loggers.progress_bar = false;
    config_.stop_margin = 0;
    config_.yaml = "seed: 17\n";  // a checkpoint holds it
  }

  Config& config() { return config_; }
  int rank() const { return ranks_->rank(); }
  int ranks() const { return ranks_->size(); }

  /// Called at every forward pass in training, before it counts. @param batch  of the step
  std::function<void(Run& run, std::int64_t batch)> disturb = [](Run&, std::int64_t) {};

  /// With a scale of the gradients that has long been growing.
  bool with_scaler = false;
  /// Late runs update the weights as on a GPU.
  bool by_gpu_kernel = false;

  /// Makes the gradients of the steps in `batches` NaN on the last rank, at each forward pass of theirs.
  void make_nan(std::set<std::int64_t> batches) {
    disturb = [this, batches](Run& run, std::int64_t batch) {
      if (batches.contains(batch) && rank() == ranks() - 1)
        run.gradients.flat().fill_(std::numeric_limits<float>::quiet_NaN());
    };
  }

  /// @param name  of the folder of the run: one that is there is gone on with
  Outcome run(const std::string& name, bool late) {
    Config config = config_;
    config.log_folder = folder_ / name;
    config.save_folder = config.log_folder + "/checkpoints";
    const auto memory = own_memory();
    const auto data = open_data(config, ranks(), 1, *memory);
    const auto run = build_run(config, *ranks_, at::kCPU, at::kFloat, data->train_shards->size());
    run->settle_late = late;
    if (with_scaler) run->scaler.emplace().set_state({.scale = 4, .finite_steps = GradientScaler::kGrowthInterval - 2});
    if (late && by_gpu_kernel)
      run->sgd = DecoupledSgd(run->sgd.parameters(), {.initial_lr = config.optimizer.lr,
                                                      .momentum = config.optimizer.momentum,
                                                      .weight_decay = config.optimizer.weight_decay,
                                                      .gpu = &kEmulatedSgd});
    // By rank 0's view: another one may see the folder before or after it was made.
    if (!gather_texts(std::filesystem::exists(config.save_folder) ? "there" : "")[0].empty())
      load_checkpoint(config.save_folder, *run, data->train_shards->fingerprint());
    run->observe_logits = [&](const at::Tensor&) {
      if (run->net.training()) disturb(*run, run->now.batch);
    };
    std::unique_ptr<RunLog> log;
    if (rank() == 0) log = std::make_unique<RunLog>(config.log_folder, "", run->now.batch);
    Outcome outcome;
    TrainResult result;
    outcome.error = test::message_of([&] { result = train(*run, *data, log.get(), {"a", "b", "c", "d"}); });
    log.reset();
    if (rank() == 0) outcome.metrics = timeless_metrics(config.log_folder + "/metrics.jsonl");
    outcome.tensors = run->sgd.parameters();
    outcome.tensors.push_back(run->buffers);
    for (const at::Tensor& m : run->sgd.momentum()) outcome.tensors.push_back(m);
    if (run->ema)
      for (const at::Tensor& average : run->ema->averages()) outcome.tensors.push_back(average);
    outcome.numbers = {run->now.epoch,
                       run->now.batch,
                       run->now.batch_in_epoch,
                       run->skipped_steps,
                       run->net.batches_tracked(),
                       run->ema ? run->ema->batches_tracked() : -1,
                       run->sam ? run->sam->steps() : -1,
                       run->scaler ? static_cast<std::int64_t>(run->scaler->scale() * 1024) : -1,
                       result.samples_trained,
                       result.rollbacks};
    outcome.stopped = result.stopped;
    return outcome;
  }

 private:
  SharedFolder folder_;
  std::unique_ptr<ProcessGroup> ranks_;
  Config config_;
};

void check_same(const Outcome& late, const Outcome& at_once) {
  CHECK(late.error == at_once.error);
  CHECK(late.metrics == at_once.metrics);
  CHECK(late.numbers == at_once.numbers);
  CHECK(late.stopped == at_once.stopped);
  REQUIRE(late.tensors.size() == at_once.tensors.size());
  for (std::size_t i = 0; i < late.tensors.size(); ++i) CHECK(at::equal(late.tensors[i], at_once.tensors[i]));
}

TEST_CASE("a run that looks at each step's result one step late leaves the bits of one that does at once",
          "[train][mpi]") {
  Trial trial;
  SECTION("the baseline") {}
  SECTION("with average, SAM and mixed images") {
    trial.config().algorithms.ema = {.half_life = Duration{4, TimeUnit::kBatch},
                                     .update_interval = Duration{3, TimeUnit::kBatch}};
    trial.config().algorithms.sam = SamConfig{.rho = 0.1, .interval = 5};
    trial.config().algorithms.mixup.emplace();
    trial.config().algorithms.colout.emplace();
  }
  SECTION("with saves and an end in the middle of an epoch") {
    trial.config().save_interval = {3, TimeUnit::kBatch};
    trial.config().max_duration = {10, TimeUnit::kBatch};
  }
  const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
  CHECK(at_once.error.empty());
  CHECK(at_once.numbers[1] >= 10);
  check_same(late, at_once);
}

TEST_CASE("steps that are not finite are left out late as at once", "[train][mpi]") {
  Trial trial;
  trial.config().on_nonfinite = OnNonfinite::kSkip;
  trial.config().algorithms.ema = {.half_life = Duration{4, TimeUnit::kBatch},
                                   .update_interval = Duration{3, TimeUnit::kBatch}};
  SECTION("the first, one in the middle, two in a row, the last of an epoch and of the run") {
    trial.make_nan({0, 3, 5, 6, 9, 11});
    const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
    CHECK(at_once.numbers[3] == 6);
    CHECK(at_once.numbers[4] == 6);
    check_same(late, at_once);
  }
  SECTION("where SAM is due, and behind it") {
    trial.config().algorithms.sam = SamConfig{.rho = 0.1, .interval = 3};
    trial.make_nan({1, 2, 5, 6, 7});
    const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
    CHECK(at_once.numbers[3] == 5);
    check_same(late, at_once);
  }
  SECTION("by the kernel for GPUs") {
    trial.by_gpu_kernel = true;
    trial.make_nan({0, 3});
    check_same(trial.run("late", true), trial.run("at-once", false));
  }
  SECTION("under a gradient scale, which would have grown") {
    trial.with_scaler = true;
    trial.make_nan({1});
    check_same(trial.run("late", true), trial.run("at-once", false));
  }
  SECTION("under a gradient scale, which is halved and goes on") {
    trial.with_scaler = true;
    trial.make_nan({3, 4, 5, 6, 9});  // the scale grows to 8 after two steps, and falls below 1
    const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
    CHECK(at_once.numbers[3] == 5);
    check_same(late, at_once);
  }
  SECTION("until there are too many in a row") {
    trial.config().nonfinite_limit = 2;
    trial.make_nan({1, 4, 5, 6});
    const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
    CHECK(at_once.error.starts_with("step 6 (epoch 1, batch 2): loss or gradients are not finite"));
    check_same(late, at_once);
  }
}

TEST_CASE("a first step that is not finite leaves no momentum, also where nothing has waited for it", "[train][mpi]") {
  Trial trial;
  trial.config().on_nonfinite = OnNonfinite::kSkip;
  trial.config().max_duration = {3, TimeUnit::kBatch};
  trial.by_gpu_kernel = true;
  trial.make_nan({0, 1, 2});
  const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
  check_same(late, at_once);
}

TEST_CASE("a step that is not finite ends the run late with the same words, and the weights before it",
          "[train][mpi]") {
  Trial trial;
  trial.make_nan({5});
  const Outcome at_once = trial.run("at-once", false), late = trial.run("late", true);
  CHECK(at_once.error.starts_with("step 5 (epoch 1, batch 1): loss or gradients are not finite"));
  check_same(late, at_once);
}

TEST_CASE("a rollback goes on behind the same batch late as at once", "[train][mpi]") {
  Trial trial;
  trial.config().on_nonfinite = OnNonfinite::kRollback;
  trial.config().save_interval = {4, TimeUnit::kBatch};
  trial.config().algorithms.ema = {.half_life = Duration{4, TimeUnit::kBatch},
                                   .update_interval = Duration{2, TimeUnit::kBatch},
                                   .ema_start = Duration{5, TimeUnit::kBatch}};
  SECTION("alone") {}
  SECTION("where the checkpoint makes a step of SAM due") {
    trial.config().algorithms.sam = SamConfig{.rho = 0.1, .interval = 5};
  }
  bool done = false;
  trial.disturb = [&](Run& run, std::int64_t batch) {
    if (batch == 6 && !std::exchange(done, true)) run.gradients.flat().fill_(std::numeric_limits<float>::infinity());
  };
  const Outcome at_once = trial.run("at-once", false);
  done = false;
  const Outcome late = trial.run("late", true);
  CHECK(at_once.numbers[9] == 1);
  check_same(late, at_once);
}

TEST_CASE("who asks a run to stop or to save is heard one step late, and the run goes on as one that was never asked",
          "[train][mpi]") {
  Trial trial;
  trial.config().eval_interval = {1, TimeUnit::kEpoch};
  const Outcome whole = trial.run("whole", false);
  trial.disturb = [&](Run& run, std::int64_t batch) {
    if (batch != 4 || trial.rank() != 0) return;
    test::write_text(run.config.log_folder + "/stop", "");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // the folder is looked at once a second
  };
  const Outcome first = trial.run("late", true);
  CHECK(first.stopped);
  CHECK(first.numbers[1] == 7);  // asked in step 5, known once 6 was launched
  trial.disturb = [](Run&, std::int64_t) {};
  Outcome second = trial.run("late", true);
  CHECK_FALSE(second.stopped);
  CHECK(second.numbers[1] == 12);
  REQUIRE(second.tensors.size() == whole.tensors.size());
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) CHECK(at::equal(second.tensors[i], whole.tensors[i]));
  const auto steps = [](const Outcome& outcome) {
    std::vector<std::string> losses;
    for (const std::string& line : outcome.metrics)
      if (line.find("loss/train/total") != std::string::npos) losses.push_back(line);
    return losses;
  };
  CHECK(steps(second) == steps(whole));
}

}  // namespace
}  // namespace mosaic
