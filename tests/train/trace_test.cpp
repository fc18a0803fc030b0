// Whole training runs of the reference, replayed step by step through the product's own train_step and evaluate.
#include "train/trace.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "batch/loader.h"
#include "catch.h"
#include "device/cpu_settings.h"
#include "device/device_batch.h"
#include "train/evaluate.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

using test::l2;
using test::Trace;

/// How far a replay may be from the record: tests/golden/README.md, "Tolerances for the traces". Relative. In float32 one
/// ReLU input that changes sign by rounding changes early gradients by 4e-3 at once, so that only sums are held, and loosely:
/// the float64 traces are the strict test.
struct Tolerances {
  double first_steps, loss, gradients, weights, gradients_by_name, eval_loss, input;
};
Tolerances tolerances_of(const Trace& trace) {
  if (trace.in_double()) return {1e-10, 1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 1e-15};
  const bool deep = trace.json["options"]["arch"] == "resnet50";
  return {1e-5, deep ? 2e-1 : 2e-2, deep ? 3e-1 : 1e-1, 1e-5, 1e-2, 2e-2, 1e-7};
}

double relative(double mine, double recorded) { return std::abs(mine - recorded) / std::max(std::abs(recorded), 1e-6); }

std::vector<at::Tensor> tensors(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> all;
  for (const auto& n : named) all.push_back(n.tensor);
  return all;
}

class Replay {
 public:
  Replay(const std::string& path, ProcessGroup& ranks)
      : trace_(path), tolerances_(tolerances_of(trace_)), run_(test::start_of(trace_, ranks)) {
    run_->observe_gradients = [this] { check_gradients(); };
    run_->observe_logits = [this](const at::Tensor& logits) { logits_.push_back(logits.detach()); };
  }

  void whole_run() {
    std::size_t evaluation = 0;
    check_evaluation(evaluation++);
    for (const auto& step : trace_.json["steps"]) {
      INFO("step " << step["k"]);
      check_step(step);
      if (run_->now.batch_in_epoch == 0) check_evaluation(evaluation++);
    }
    CHECK(evaluation == trace_.json["evals"].size());
    check_final_state();
  }

 private:
  void check_step(const nlohmann::json& step) {
    const std::int64_t k = step["k"], batch = run_->batches_per_epoch;
    REQUIRE(run_->now.batch == k);
    CHECK(batch == trace_.json["dataloader_len"]);
    CHECK(std::abs(run_->schedule.at_step(k) - step["lr"].get<double>()) <= 1e-15);
    CHECK(std::abs(elapsed(*run_, run_->now) - step["elapsed"].get<double>()) <= 1e-12);

    const auto plan = train_plan(trace_.images.get("train_labels").shape[0], run_->config.train_dataset.batch_size,
                                 run_->ranks.rank(), run_->ranks.size(), k / batch, k % batch);
    const std::vector<std::int64_t> indices(plan.samples.begin(), plan.samples.begin() + plan.batch_size);
    CHECK(indices == step["indices"].get<std::vector<std::int64_t>>());

    step_ = &step;
    pass_ = 0;
    logits_.clear();
    const StepResult result = train_step(*run_, test::batch_of(trace_, "train", indices, k));
    CHECK(pass_ == step["passes"].size());
    CHECK(result.sam_step == (step["passes"].size() == 2));
    CHECK(result.side == step["size"][1]);
    finish_batch(*run_);
    if (run_->now.batch_in_epoch == batch) finish_epoch(*run_);

    CHECK(relative(result.loss, step["loss"]) <= (k < 2 ? tolerances_.first_steps : tolerances_.loss));
    if (is_exact(k)) CHECK(std::abs(result.accuracy - step["train_acc"].get<double>()) <= 1e-9);
    const auto parameters = run_->net.parameters();
    CHECK(relative(l2(tensors(parameters)), step["param_l2"]) <= tolerances_.weights);
    if (step.contains("momentum_l2") && run_->config.optimizer.momentum != 0)
      CHECK(relative(l2(run_->sgd.momentum()), step["momentum_l2"]) <=
            (k < 2 ? tolerances_.first_steps : tolerances_.gradients));
    CHECK((run_->ema && run_->ema->started()) == step["ema_started"].get<bool>());
    if (run_->ema) {
      std::vector<at::Tensor> averages = run_->ema->averages();
      averages.pop_back();  // the buffers, which are last
      CHECK(relative(l2(averages), step["ema_l2"]) <= tolerances_.weights);
    }
    if (!trace_.in_double()) return;
    const auto buffers = run_->net.buffers();
    CHECK(relative(l2({parameters[0].tensor}), step["conv1_l2"]) <= tolerances_.weights);
    CHECK(relative(l2({buffers[0].tensor}), step["bn1_running_mean_l2"]) <= tolerances_.weights);
    CHECK(relative(l2({buffers[1].tensor}), step["bn1_running_var_l2"]) <= tolerances_.weights);
  }

  /// After each pass of a step: the gradients as the optimizer, or SAM, sees them, and the logits of the pass.
  void check_gradients() {
    const auto& step = *step_;
    const std::int64_t k = step["k"];
    const std::size_t number = pass_++;
    REQUIRE(number < step["passes"].size());
    const auto& pass = step["passes"][number];
    INFO("pass " << number);
    CHECK(relative(l2({run_->gradients.flat()}), pass["grad_l2"]) <=
          (k < 2 ? tolerances_.first_steps : tolerances_.gradients));
    const auto& parts = pass["microbatches"];
    REQUIRE(logits_.size() == parts.size());
    char name[160];
    for (std::size_t m = 0; m < parts.size(); ++m) {
      std::snprintf(name, sizeof name, "step%02d.pass%d.mb%d.logits", static_cast<int>(k), static_cast<int>(number),
                    static_cast<int>(m));
      CHECK(logits_[m].size(0) == parts[m]["n"]);
      if (is_exact(k) && trace_.tensors.has(name))
        CHECK(test::deviation_of_largest(logits_[m], test::tensor_of(trace_.tensors.get(name))) <=
              (k < 2 ? tolerances_.first_steps : tolerances_.loss));
    }
    logits_.clear();
    for (const auto& p : run_->net.parameters()) {
      INFO(p.name);
      if (pass.contains("grad_l2_by_name"))
        CHECK(relative(l2({p.tensor.grad()}), pass["grad_l2_by_name"][p.name]) <= by_name(k));
      std::snprintf(name, sizeof name, "step%02d.pass%d.grad.%s", static_cast<int>(k), static_cast<int>(number),
                    p.name.c_str());
      if (trace_.tensors.has(name))
        CHECK(test::deviation_of_largest(p.tensor.grad(), test::tensor_of(trace_.tensors.get(name))) <= by_name(k));
    }
  }

  /// Gradients by name after the first steps are as loose as the whole gradient.
  double by_name(std::int64_t k) const {
    return k < 2 ? tolerances_.gradients_by_name : std::max(tolerances_.gradients, tolerances_.gradients_by_name);
  }

  /// Whether single numbers of step `k`, and not only norms, must agree.
  bool is_exact(std::int64_t k) const { return trace_.in_double() || k < 2; }

  void check_evaluation(std::size_t number) {
    INFO("evaluation " << number);
    const auto& recorded = trace_.json["evals"][number];
    const std::int64_t images = trace_.images.get("val_labels").shape[0];
    CHECK((run_->ema && run_->ema->started()) == (recorded["weights"] == "ema"));
    const BatchPlan plan =
        eval_plan(images, run_->config.eval_dataset.batch_size, run_->ranks.rank(), run_->ranks.size());
    logits_.clear();
    std::int64_t batch = 0;
    const EvalResult result = evaluate(*run_, [&]() -> std::optional<Batch> {
      if (batch == plan.batches()) return std::nullopt;
      const auto begin = plan.samples.begin() + batch++ * plan.batch_size;
      return test::batch_of(trace_, "val",
                            {begin, begin + std::min<std::int64_t>(plan.batch_size, plan.samples.end() - begin)});
    });
    CHECK(result.samples == images);
    CHECK(relative(result.cross_entropy, recorded["cross_entropy"]) <= tolerances_.eval_loss);
    if (!trace_.in_double() && number > 0) return;
    CHECK(result.accuracy == Approx(recorded["accuracy"].get<double>()).epsilon(1e-9));
    char name[64];
    std::snprintf(name, sizeof name, "eval%02d.logits", static_cast<int>(number));
    if (trace_.tensors.has(name))
      CHECK(test::deviation_of_largest(at::cat(logits_), test::tensor_of(trace_.tensors.get(name))) <=
            (trace_.in_double() ? tolerances_.eval_loss : tolerances_.first_steps));
  }

  void check_final_state() {
    check_net("raw", run_->net.batches_tracked());
    if (!run_->ema) return;
    const AveragedWeights averaged(*run_);
    check_net("ema", run_->net.batches_tracked());
  }

  /// The net as it is, against the final `kind` of the trace.
  void check_net(const std::string& kind, std::int64_t batches_tracked) {
    std::map<std::string, at::Tensor> mine;
    for (const auto& p : run_->net.parameters()) mine[p.name] = p.tensor.detach();
    for (const auto& b : run_->net.buffers()) mine[b.name] = b.tensor;
    const double tolerance = tolerances_.weights;
    for (const auto& [name, recorded] : trace_.json["final_stats"][kind].items()) {
      INFO(kind << " " << name);
      if (name.ends_with("num_batches_tracked")) {
        CHECK(static_cast<double>(batches_tracked) == recorded["sum"].get<double>());
        continue;
      }
      REQUIRE(mine.count(name) == 1);
      if (!trace_.in_double()) continue;
      CHECK(relative(l2({mine[name]}), recorded["l2"]) <= tolerance);
      // A sum may cancel: compare with the size of what is summed.
      const double sum = mine[name].to(at::kDouble).sum().item<double>();
      const double scale = std::max(std::abs(recorded["sum"].get<double>()), recorded["l2"].get<double>());
      CHECK(std::abs(sum - recorded["sum"].get<double>()) <= tolerance * std::max(scale, 1e-6));
      const auto first = recorded["first"].get<std::vector<double>>();
      CHECK(test::deviation(mine[name].flatten().narrow(0, 0, static_cast<std::int64_t>(first.size())),
                            at::tensor(first, at::kDouble)) <= tolerance);
    }
    if (!trace_.in_double()) return;
    const std::string prefix = "final." + kind + ".";
    for (const auto& [name, tensor] : trace_.tensors.tensors()) {
      if (!name.starts_with(prefix)) continue;
      INFO(name);
      CHECK(test::deviation_of_largest(mine.at(name.substr(prefix.size())), test::tensor_of(tensor)) <= tolerance);
    }
  }

  Trace trace_;
  Tolerances tolerances_;
  std::unique_ptr<Run> run_;
  const nlohmann::json* step_ = nullptr;  // the one in progress
  std::size_t pass_ = 0;                  // passes of it that are done
  std::vector<at::Tensor> logits_;        // since it was last emptied
};

void replay_all(ProcessGroup& ranks) {
  at::set_num_threads(
      1);  // as recorded: with more, float32 sums round otherwise, and one ReLU that flips shows at step 0
  prepare_cpu();
  const auto traces = test::traces_of(ranks.size(), ranks.rank());
  if (traces.empty()) test::say_skipped(str("no trace of ", ranks.size(), " ranks in ", test::golden_folder()));
  for (const auto& path : traces) {
    INFO(path);
    if (ranks.rank() == 0) std::cout << std::filesystem::path(path).filename().string() << std::endl;
    Replay(path, ranks).whole_run();
  }
}

TEST_CASE("training runs of the reference are repeated step by step", "[train][golden]") {
  const auto ranks = single_process();
  replay_all(*ranks);
}

TEST_CASE("runs of the reference on two ranks are repeated step by step", "[train][golden_ranks]") {
  const auto ranks = mpi_process_group();
  REQUIRE(ranks->size() == 2);
  replay_all(*ranks);
}

}  // namespace
}  // namespace mosaic
