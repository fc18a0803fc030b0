#include <ATen/ATen.h>

#include "catch.h"
#include "golden_tensors.h"
#include "optim/learning_rate.h"
#include "optim/sgd.h"

namespace mosaic {
namespace {

TEST_CASE("two steps of decoupled SGD are those worked out by hand", "[optim]") {
  at::Tensor w = at::ones({1}, at::kDouble).requires_grad_(true);
  DecoupledSgd sgd({w}, {.initial_lr = 0.2, .momentum = 0.9, .weight_decay = 0.01});
  w.mutable_grad() = at::full({1}, 0.5, at::kDouble);
  sgd.step(0.1);
  CHECK(w.item<double>() == Approx(0.945).epsilon(1e-15));
  w.mutable_grad() = at::full({1}, 0.25, at::kDouble);
  sgd.step(0.1);
  CHECK(w.item<double>() == Approx(0.870275).epsilon(1e-15));
}

TEST_CASE("a learning rate of 0 moves no weight, but gathers momentum", "[optim]") {
  at::Tensor w = at::ones({3}).requires_grad_(true);
  DecoupledSgd sgd({w}, {.initial_lr = 0.1, .momentum = 0.5, .weight_decay = 0.01});
  w.mutable_grad() = at::ones({3});
  sgd.step(0);
  CHECK(at::equal(w, at::ones({3})));
  CHECK(at::equal(sgd.momentum()[0], at::ones({3})));
}

TEST_CASE("on a CPU the step in one pass has the bits of the one operator by operator", "[optim]") {
  for (const bool nesterov : {false, true})
    for (const double dampening : {0.0, 0.3})
      for (const double weight_decay : {0.0, 1e-3}) {
        const SgdOptions options{0.5, 0.875, weight_decay, dampening, nesterov};
        // Sizes around those of vectors, and one for several threads; in channels-last, too.
        std::vector<at::Tensor> dense, gapped;  // the same values; a parameter with gaps goes operator by operator
        for (const std::int64_t n : {1, 7, 8, 9, 31, 1000, 200'003})
          dense.push_back(at::arange(n, at::kFloat).mul(0.37).sin());
        dense.push_back(
            at::arange(6 * 5 * 3 * 3, at::kFloat).cos().view({6, 5, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast));
        for (at::Tensor& p : dense) {
          gapped.push_back(at::stack({p, p}, -1).select(-1, 0).requires_grad_(true));
          p.requires_grad_(true);
        }
        DecoupledSgd one(dense, options), other(gapped, options);
        for (int step = 0; step < 4; ++step) {
          for (std::size_t i = 0; i < dense.size(); ++i) {
            const at::Tensor g = dense[i].detach().add(step).mul(1.7).cos();
            dense[i].mutable_grad() = g;
            gapped[i].mutable_grad() = at::empty_like(gapped[i].detach()).copy_(g);
          }
          one.step(0.1 * step);
          other.step(0.1 * step);
        }
        for (std::size_t i = 0; i < dense.size(); ++i) {
          INFO(i << ", nesterov " << nesterov << ", dampening " << dampening << ", decay " << weight_decay);
          CHECK(at::equal(dense[i], gapped[i]));
          CHECK(at::equal(one.momentum()[i], other.momentum()[i]));
        }
      }
}

TEST_CASE("the first two steps have rate 0, the peak comes one batch after the warm-up", "[optim]") {
  const LearningRateSchedule schedule{.peak = 2.048, .warmup = 5000, .total = 22500};
  CHECK(schedule.at_step(0) == 0);
  CHECK(schedule.at_step(1) == 0);
  CHECK(schedule.at_step(2) == Approx(4.096e-4));
  CHECK(schedule.at_step(5001) == 2.048);
  CHECK(schedule.at_step(22499) == Approx(6.60014681e-8));
}

TEST_CASE("durations become batches", "[optim]") {
  CHECK(in_batches({8, TimeUnit::kEpoch}, 625, 56250) == 5000);
  CHECK(in_batches({100, TimeUnit::kBatch}, 625, 56250) == 100);
  CHECK(in_batches({0.5, TimeUnit::kDuration}, 625, 56251) == 28125);
  CHECK_THROWS(in_batches({5, TimeUnit::kSample}, 625, 56250));
}

TEST_CASE("decoupled SGD steps as the reference", "[optim][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("decoupled_sgdw")) {
    const bool wide = c["dtype"] == "float64";
    const double tolerance = wide ? 1e-15 : 2e-7;
    const auto type = wide ? at::kDouble : at::kFloat;
    std::vector<at::Tensor> parameters;
    for (const auto& p : c["initial"]) parameters.push_back(test::tensor_of(p).to(type).requires_grad_(true));
    const auto& config = c["config"];
    DecoupledSgd sgd(parameters, {.initial_lr = config["lr"],
                                  .momentum = config["momentum"],
                                  .weight_decay = config["weight_decay"],
                                  .dampening = config["dampening"],
                                  .nesterov = config["nesterov"]});
    int number = 0;
    for (const auto& step : c["steps"]) {
      INFO(config << " " << c["dtype"] << " step " << number++);
      for (std::size_t i = 0; i < parameters.size(); ++i)
        parameters[i].mutable_grad() = test::tensor_of(step["grad"][i]).to(type);
      sgd.step(step["lr"]);
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        CHECK(test::deviation(parameters[i], test::tensor_of(step["param"][i])) <= tolerance);
        if (config["momentum"] != 0)
          CHECK(test::deviation(sgd.momentum()[i], test::tensor_of(step["momentum"][i])) <= tolerance);
      }
    }
  }
}

TEST_CASE("learning rates are the reference's, at L = 625 and for every unit", "[optim][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  const auto schedule_of = [](const nlohmann::json& c, const Duration& length, std::int64_t batches_per_epoch) {
    const std::int64_t total = in_batches(length, batches_per_epoch, 0);
    return make_schedule({.lr = c["lr"]},
                         {.t_warmup = Duration::parse(c["t_warmup"].get<std::string>()), .alpha_f = c["alpha_f"]},
                         batches_per_epoch, total);
  };
  for (const auto& c : golden->at("schedule").at("L625")) {
    const auto schedule = schedule_of(c, {c["E"].get<double>(), TimeUnit::kEpoch}, c["L"]);
    for (const auto& [step, lr] : c["lr_used"].get<std::vector<std::pair<std::int64_t, double>>>()) {
      INFO(c["name"] << " step " << step);
      CHECK(std::abs(schedule.at_step(step) - lr) <= 1e-15);
    }
  }
  for (const auto& c : golden->at("schedule").at("trainer")) {
    const auto schedule = schedule_of(c, Duration::parse(c["max_duration"].get<std::string>()), c["L"]);
    const auto used = c["lr_used"].get<std::vector<double>>(), after = c["lr_after_step"].get<std::vector<double>>();
    for (std::size_t step = 0; step < used.size(); ++step) {
      INFO("L " << c["L"] << " max_duration " << c["max_duration"] << " t_warmup " << c["t_warmup"] << " step "
                << step);
      CHECK(std::abs(schedule.at_step(static_cast<std::int64_t>(step)) - used[step]) <= 1e-15);
      CHECK(std::abs(schedule.at_step(static_cast<std::int64_t>(step) + 1) - after[step]) <= 1e-15);
    }
  }
}

}  // namespace
}  // namespace mosaic
