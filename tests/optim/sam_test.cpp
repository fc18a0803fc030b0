#include "optim/sam.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <stdexcept>

#include "catch.h"
#include "golden_tensors.h"
#include "optim/sgd.h"

namespace mosaic {
namespace {

std::vector<at::Tensor> leaves(const nlohmann::json& tensors, at::ScalarType type) {
  std::vector<at::Tensor> all;
  for (const auto& t : tensors) all.push_back(test::tensor_of(t).to(type).requires_grad_(true));
  return all;
}

TEST_CASE("uphill is along the gradient, rho far over all parameters, and back is back", "[optim]") {
  const at::Tensor a = at::zeros({1}, at::kDouble).requires_grad_(true),
                   b = at::ones({1}, at::kDouble).requires_grad_(true);
  a.mutable_grad() = at::full({1}, 3.0, at::kDouble);
  b.mutable_grad() = at::full({1}, 4.0, at::kDouble);
  const std::vector<at::Tensor> before = {at::empty({1}, at::kDouble), at::empty({1}, at::kDouble)};
  move_uphill({a, b}, {.rho = 0.5}, before);
  CHECK(a.item<double>() == Approx(0.3).epsilon(1e-12));
  CHECK(b.item<double>() == Approx(1.4).epsilon(1e-12));
  move_back({a, b}, before);
  CHECK(a.item<double>() == 0);
  CHECK(b.item<double>() == 1);
}

TEST_CASE("a gradient of 0 leads nowhere", "[optim]") {
  const at::Tensor w = at::ones({2}).requires_grad_(true);
  w.mutable_grad() = at::zeros({2});
  move_uphill({w}, {}, {at::empty({2})});
  CHECK(at::equal(w, at::ones({2})));
}

TEST_CASE("the last of every interval steps is one of two passes, also after a restart", "[optim]") {
  const at::Tensor w = at::ones({1}).requires_grad_(true);
  std::string passes;
  const auto run = [&](Sam& sam, int steps) {
    for (int i = 0; i < steps; ++i) {
      w.mutable_grad() = at::ones({1});
      CHECK(sam.step([&](bool over_all_ranks) { return passes += over_all_ranks ? "S" : "l", true; },
                     [&] { passes += "u "; }));
    }
  };
  Sam sam({.interval = 3}, {w});
  run(sam, 4);
  CHECK(passes == "Su Su lSu Su ");
  Sam resumed({.interval = 3}, {w});
  resumed.set_steps(sam.steps());
  passes.clear();
  run(resumed, 3);
  CHECK(passes == "Su lSu Su ");
  CHECK(resumed.steps() == 7);
}

TEST_CASE("a pass that throws leaves the weights where they were, and its step to be made again", "[optim]") {
  const at::Tensor w = at::ones({1}, at::kDouble).requires_grad_(true);
  Sam sam({.rho = 0.5, .interval = 1}, {w});
  int pass = 0, updates = 0;
  const GradientPass gradients = [&](bool) {
    if (++pass == 2) throw std::runtime_error("out of memory");
    w.mutable_grad() = at::ones({1}, at::kDouble);
    return true;
  };
  const auto update = [&] { ++updates; };
  CHECK(test::message_of([&] { sam.step(gradients, update); }) == "out of memory");
  CHECK(w.item<double>() == 1);
  CHECK(sam.steps() == 0);
  CHECK(sam.step(gradients, update));
  CHECK(sam.steps() == 1);
  CHECK(updates == 1);
}

TEST_CASE("an interval of 0 is refused", "[optim]") {
  CHECK(test::message_of([] { Sam({.interval = 0}, {}); }) ==
        "sam.interval: got 0, expected a number of steps, at least 1");
}

TEST_CASE("given gradients and failing passes, SAM moves the weights as the reference does", "[optim][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("sam_prescribed")) {
    const bool wide = c["dtype"] == "float64";
    const auto type = wide ? at::kDouble : at::kFloat;
    const double tolerance = wide ? 1e-15 : 2e-7;
    const auto parameters = leaves(c["initial"], type);
    Sam sam({.rho = c["rho"], .epsilon = c["epsilon"], .interval = c["interval"]}, parameters);
    DecoupledSgd sgd(parameters, {.initial_lr = c["lr"], .momentum = c["momentum"], .weight_decay = c["weight_decay"]});
    for (const auto& step : c["steps"]) {
      INFO(c["dtype"] << " rho " << c["rho"] << " interval " << c["interval"] << " step " << step["counter"]);
      const auto& passes = step["passes"];
      std::size_t made = 0;
      bool last = false;
      const auto gradients = [&](bool over_all_ranks) {
        REQUIRE(made < passes.size());
        const auto& pass = passes[made++];
        CHECK(over_all_ranks == pass["ddp_sync"].get<bool>());
        for (std::size_t i = 0; i < parameters.size(); ++i) {
          CHECK(test::deviation(parameters[i], test::tensor_of(pass["param"][i])) <= tolerance);
          parameters[i].mutable_grad() = test::tensor_of(pass["grad"][i]).to(type);
        }
        return last = pass["loss"] != 0;
      };
      const bool updated = sam.step(gradients, [&] { sgd.step(c["lr"]); });
      CHECK(updated == last);
      CHECK(made == passes.size());
      CHECK(sam.steps() == step["counter"].get<std::int64_t>());
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        CHECK(test::deviation(parameters[i], test::tensor_of(step["param"][i])) <= tolerance);
        CHECK(sgd.momentum().empty() == step["momentum"][i].is_null());
        if (!sgd.momentum().empty())
          CHECK(test::deviation(sgd.momentum()[i], test::tensor_of(step["momentum"][i])) <= tolerance);
      }
    }
  }
}

TEST_CASE("on a small net, SAM takes the reference's way", "[optim][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("sam_net")) {
    const bool wide = c["dtype"] == "float64";
    const auto type = wide ? at::kDouble : at::kFloat;
    const double tolerance = wide ? 1e-15 : 2e-7;
    const at::Tensor x = test::tensor_of(c["x"]).to(type), y = test::targets_of(c["y"]);
    const auto w = leaves(c["initial"], type);
    Sam sam({.rho = c["rho"], .epsilon = c["epsilon"], .interval = c["interval"]}, w);
    DecoupledSgd sgd(w, {.initial_lr = c["lr"], .momentum = c["momentum"], .weight_decay = c["weight_decay"]});
    for (const auto& step : c["steps"]) {
      INFO(c["dtype"] << " step " << sam.steps());
      std::size_t made = 0;
      const auto gradients = [&](bool) {
        REQUIRE(made < step["passes"].size());
        const auto& pass = step["passes"][made++];
        for (std::size_t i = 0; i < w.size(); ++i) {
          CHECK(test::deviation(w[i], test::tensor_of(pass["param"][i])) <= tolerance);
          w[i].mutable_grad() = at::Tensor();
        }
        const at::Tensor loss = at::cross_entropy_loss(at::linear(at::linear(x, w[0], w[1]).tanh(), w[2], w[3]), y);
        loss.backward();
        CHECK(loss.item<double>() == Approx(pass["loss"].get<double>()).epsilon(tolerance));
        for (std::size_t i = 0; i < w.size(); ++i)
          CHECK(test::deviation(w[i].grad(), test::tensor_of(pass["grad"][i])) <= tolerance);
        return true;
      };
      CHECK(sam.step(gradients, [&] { sgd.step(c["lr"]); }));
      CHECK(made == step["passes"].size());
      for (std::size_t i = 0; i < w.size(); ++i)
        CHECK(test::deviation(w[i], test::tensor_of(step["param"][i])) <= tolerance);
    }
  }
}

}  // namespace
}  // namespace mosaic
