// Whole training runs of the reference, replayed step by step through the product's own train_step and evaluate.
#include "train/trace.h"

#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <iostream>

#include "batch/sampler.h"
#include "catch.h"
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
  explicit Replay(const std::string& path)
      : trace_(path), tolerances_(tolerances_of(trace_)), run_(test::start_of(trace_, *ranks_)) {
    run_->observe_logits = [this](const at::Tensor& logits) { logits_.push_back(logits.detach()); };
  }

  void whole_run() {
    std::size_t evaluation = 0;
    check_evaluation(evaluation++);
    for (const auto& step : trace_.json["steps"]) {
      INFO("step " << step["k"]);
      check_step(step);
      if (run_->now.batch % run_->batches_per_epoch == 0) check_evaluation(evaluation++);
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

    const auto order = shuffled(trace_.images.get("train_labels").shape[0], k / batch);
    const std::int64_t size = run_->config.train_dataset.batch_size;
    const std::vector<std::int64_t> indices(order.begin() + k % batch * size, order.begin() + (k % batch + 1) * size);
    CHECK(indices == step["indices"].get<std::vector<std::int64_t>>());

    const Batch images = test::batch_of(trace_, "train", indices);
    if (k == 0 && trace_.tensors.has("step00.input"))
      CHECK(test::deviation(images.images, test::tensor_of(trace_.tensors.get("step00.input"))) <= tolerances_.input);
    logits_.clear();
    const StepResult result = train_step(*run_, images);
    ++run_->now.batch;

    const double loss = k < 2 ? tolerances_.first_steps : tolerances_.loss;
    const double gradients = k < 2 ? tolerances_.first_steps : tolerances_.gradients;
    CHECK(relative(result.loss, step["loss"]) <= loss);
    if (is_exact(k)) CHECK(std::abs(result.accuracy - step["train_acc"].get<double>()) <= 1e-9);
    const auto& pass = step["passes"][0];
    CHECK(relative(l2({run_->gradients.flat()}), pass["grad_l2"]) <= gradients);
    const auto& parts = pass["microbatches"];
    REQUIRE(logits_.size() == parts.size());
    for (std::size_t m = 0; m < parts.size(); ++m) {
      char name[64];
      std::snprintf(name, sizeof name, "step%02d.pass0.mb%d.logits", static_cast<int>(k), static_cast<int>(m));
      CHECK(logits_[m].size(0) == parts[m]["n"]);
      if (is_exact(k) && trace_.tensors.has(name))
        CHECK(test::deviation_of_largest(logits_[m], test::tensor_of(trace_.tensors.get(name))) <= loss);
    }
    for (const auto& p : run_->net.parameters()) {
      INFO(p.name);
      if (pass.contains("grad_l2_by_name"))
        CHECK(relative(l2({p.tensor.grad()}), pass["grad_l2_by_name"][p.name]) <= by_name(k));
      char name[128];
      std::snprintf(name, sizeof name, "step%02d.pass0.grad.%s", static_cast<int>(k), p.name.c_str());
      if (trace_.tensors.has(name))
        CHECK(test::deviation_of_largest(p.tensor.grad(), test::tensor_of(trace_.tensors.get(name))) <= by_name(k));
    }

    const auto parameters = run_->net.parameters();
    CHECK(relative(l2(tensors(parameters)), step["param_l2"]) <= tolerances_.weights);
    if (step.contains("momentum_l2") && run_->config.optimizer.momentum != 0)
      CHECK(relative(l2(run_->sgd.momentum()), step["momentum_l2"]) <= gradients);
    if (!trace_.in_double()) return;
    const auto buffers = run_->net.buffers();
    CHECK(relative(l2({parameters[0].tensor}), step["conv1_l2"]) <= tolerances_.weights);
    CHECK(relative(l2({buffers[0].tensor}), step["bn1_running_mean_l2"]) <= tolerances_.weights);
    CHECK(relative(l2({buffers[1].tensor}), step["bn1_running_var_l2"]) <= tolerances_.weights);
  }

  /// Whether single numbers of step `k`, and not only norms, must agree.
  bool is_exact(std::int64_t k) const { return trace_.in_double() || k < 2; }

  /// Gradients by name after the first steps are as loose as the whole gradient.
  double by_name(std::int64_t k) const {
    return k < 2 ? tolerances_.gradients_by_name : std::max(tolerances_.gradients, tolerances_.gradients_by_name);
  }

  void check_evaluation(std::size_t number) {
    INFO("evaluation " << number);
    const auto& recorded = trace_.json["evals"][number];
    const std::int64_t images = trace_.images.get("val_labels").shape[0], size = run_->config.eval_dataset.batch_size;
    logits_.clear();
    std::int64_t at = 0;
    const EvalResult result = evaluate(*run_, [&]() -> std::optional<Batch> {
      if (at == images) return std::nullopt;
      std::vector<std::int64_t> indices;
      for (; at < images && static_cast<std::int64_t>(indices.size()) < size; ++at) indices.push_back(at);
      return test::batch_of(trace_, "val", indices);
    });
    CHECK(result.samples == images);
    CHECK(relative(result.cross_entropy, recorded["cross_entropy"]) <= tolerances_.eval_loss);
    if (!trace_.in_double() && number > 0) return;
    CHECK(result.accuracy == Approx(recorded["accuracy"].get<double>()).epsilon(1e-9));
    char name[64];
    std::snprintf(name, sizeof name, "eval%02d.logits", static_cast<int>(number));
    CHECK(test::deviation_of_largest(at::cat(logits_), test::tensor_of(trace_.tensors.get(name))) <=
          (trace_.in_double() ? tolerances_.eval_loss : tolerances_.first_steps));
  }

  void check_final_state() {
    std::map<std::string, at::Tensor> mine;
    for (const auto& p : run_->net.parameters()) mine[p.name] = p.tensor.detach();
    for (const auto& b : run_->net.buffers()) mine[b.name] = b.tensor;
    const double tolerance = tolerances_.weights;
    for (const auto& [name, recorded] : trace_.json["final_stats"]["raw"].items()) {
      INFO(name);
      if (name.ends_with("num_batches_tracked")) {
        CHECK(static_cast<double>(run_->net.batches_tracked()) == recorded["sum"].get<double>());
        continue;
      }
      REQUIRE(mine.count(name) == 1);
      if (!trace_.in_double()) continue;
      const double norm = l2({mine[name]});
      CHECK(relative(norm, recorded["l2"]) <= tolerance);
      // A sum may cancel: compare with the size of what is summed.
      const double sum = mine[name].to(at::kDouble).sum().item<double>();
      const double scale = std::max(std::abs(recorded["sum"].get<double>()), recorded["l2"].get<double>());
      CHECK(std::abs(sum - recorded["sum"].get<double>()) <= tolerance * std::max(scale, 1e-6));
      const auto first = recorded["first"].get<std::vector<double>>();
      CHECK(test::deviation(mine[name].flatten().narrow(0, 0, static_cast<std::int64_t>(first.size())),
                            at::tensor(first, at::kDouble)) <= tolerance);
    }
    for (const auto& [name, tensor] : trace_.tensors.tensors()) {
      if (!name.starts_with("final.raw.") || !trace_.in_double()) continue;
      INFO(name);
      CHECK(test::deviation_of_largest(mine.at(name.substr(10)), test::tensor_of(tensor)) <= tolerance);
    }
  }

  Trace trace_;
  Tolerances tolerances_;
  std::unique_ptr<ProcessGroup> ranks_ = single_process();
  std::unique_ptr<Run> run_;
  std::vector<at::Tensor> logits_;
};

TEST_CASE("training runs of the reference are repeated step by step", "[train][golden]") {
  const auto traces = test::baseline_traces();
  if (traces.empty()) test::say_skipped("no baseline trace in " + test::golden_folder());
  for (const auto& path : traces) {
    INFO(path);
    std::cout << std::filesystem::path(path).filename().string() << std::endl;
    Replay(path).whole_run();
  }
}

}  // namespace
}  // namespace mosaic
