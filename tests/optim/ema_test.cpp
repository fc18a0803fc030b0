#include "optim/ema.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

constexpr Duration batches(double n) { return {n, TimeUnit::kBatch}; }
constexpr Duration epochs(double n) { return {n, TimeUnit::kEpoch}; }

TEST_CASE("the half-life gives the smoothing", "[optim]") {
  CHECK(ema_smoothing({.half_life = batches(100), .update_interval = batches(20)}) == 0.8705505632961241);
  CHECK(ema_smoothing({.half_life = epochs(2), .update_interval = epochs(1)}) == Approx(std::sqrt(0.5)));
  CHECK(ema_smoothing({.half_life = {}, .smoothing = 0.8}) == 0.8);
}

TEST_CASE("contradictions in the settings of the average are refused with what was found", "[optim]") {
  const auto message = [](const EmaConfig& config) { return test::message_of([&] { ema_smoothing(config); }); };
  CHECK(message({.half_life = batches(4), .smoothing = 0.5}) ==
        "ema: got both half_life and smoothing, expected one of the two");
  CHECK(message({.half_life = {}}) == "ema: got neither half_life nor smoothing, expected one of the two");
  CHECK(message({.half_life = epochs(1), .update_interval = batches(20)}) ==
        "ema.half_life: got 1ep, expected a time of at least 1 in the unit of update_interval, which is 20ba");
  CHECK(message({.half_life = batches(4), .update_interval = batches(0)}) ==
        "ema.update_interval: got 0ba, expected a time in ba or ep, at least 1");
  CHECK(message({.update_interval = {5, TimeUnit::kSample}}) ==
        "ema.update_interval: got 5sp, expected a time in ba or ep, at least 1");
  Ema ema({.ema_start = {5, TimeUnit::kSample}}, {}, 0);
  CHECK(test::message_of([&] { ema.after_batch({.batch = 1}, 0, 1); }) ==
        "ema.ema_start: got 5sp, expected a time in ep, ba or dur");
}

TEST_CASE("the average starts as the weights after the first step, and moves at every interval", "[optim]") {
  const at::Tensor w = at::zeros({2}, at::kDouble).requires_grad_(true);
  Ema ema({.half_life = batches(2), .update_interval = batches(2)}, {w}, 0);
  const auto batch = [&](std::int64_t number) {
    const c10::NoGradGuard no_grad;
    w.fill_(static_cast<double>(number));
    ema.after_batch({.batch = number}, 0, number);
    return ema.averages()[0][0].item<double>();
  };
  CHECK_FALSE(ema.started());
  CHECK(batch(1) == 1);
  CHECK(ema.started());
  CHECK(batch(2) == 1.5);
  CHECK(batch(3) == 1.5);
  CHECK(batch(4) == 2.75);
  CHECK(ema.batches_tracked() == 2);  // 1 -> int(1.5) -> int(0.5 + 2)
  ema.after_epoch({.epoch = 2, .batch = 6}, 1, 6);
  CHECK(ema.averages()[0][0].item<double>() == 2.75);  // an interval in batches has nothing to do with epochs
}

TEST_CASE("on a CPU the average in one pass has the bits of the one operator by operator", "[optim]") {
  const c10::NoGradGuard no_grad;
  // Sizes around those of vectors, one for several threads, none at all; tensors with gaps go operator by operator.
  std::vector<at::Tensor> dense, gapped;
  for (const std::int64_t n : {1, 7, 0, 8, 9, 31, 1000, 200'003})
    dense.push_back(at::arange(n, at::kFloat).mul(0.37).sin());
  dense.push_back(
      at::arange(6 * 5 * 3 * 3, at::kFloat).cos().view({6, 5, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast));
  for (const at::Tensor& w : dense) gapped.push_back(at::stack({w, w}, -1).select(-1, 0));
  const EmaConfig config{.half_life = batches(100), .update_interval = batches(1)};
  Ema one(config, dense, 0), other(config, gapped, 0);
  std::vector<at::Tensor> expected;
  for (const at::Tensor& w : dense) expected.push_back(at::empty_like(w));
  for (int step = 1; step <= 4; ++step) {
    for (std::size_t i = 0; i < dense.size(); ++i) {
      dense[i].mul_(1.7).cos_();
      gapped[i].copy_(dense[i]);
      if (step == 1) expected[i].copy_(dense[i]);
      const double s = ema_smoothing(config);
      expected[i].mul_(s).add_(dense[i] * (1 - s));
    }
    one.after_batch({.batch = step}, 0, step);
    other.after_batch({.batch = step}, 0, step);
  }
  for (std::size_t i = 0; i < dense.size(); ++i) {
    INFO(i);
    CHECK(at::equal(one.averages()[i], expected[i]));
    CHECK(at::equal(other.averages()[i], expected[i]));
  }
}

TEST_CASE("a swap exchanges values in place, leaves gradients alone, and the second undoes the first", "[optim]") {
  const at::Tensor flat = at::arange(6, at::kFloat);
  const at::Tensor w = at::ones({2, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true);
  w.mutable_grad() = at::full({2, 3, 2, 2}, 7.0f);
  Ema ema({}, {w, flat.narrow(0, 0, 3), flat.narrow(0, 3, 3)}, 0);
  ema.after_batch({.batch = 1}, 0, 5);
  {
    const c10::NoGradGuard no_grad;
    w.fill_(2);
    flat.fill_(9);
  }
  CHECK(ema.swap(8) == 5);
  CHECK(ema.swapped());
  CHECK(at::equal(w, at::ones({2, 3, 2, 2})));
  CHECK(at::equal(flat, at::arange(6, at::kFloat)));
  CHECK(at::equal(w.grad(), at::full({2, 3, 2, 2}, 7.0f)));
  CHECK(ema.swap(5) == 8);
  CHECK_FALSE(ema.swapped());
  CHECK(at::equal(w, at::full({2, 3, 2, 2}, 2.0f)));
  CHECK(at::equal(flat, at::full({6}, 9.0f)));
  CHECK(at::equal(ema.averages()[1], at::arange(3, at::kFloat)));
  CHECK(ema.batches_tracked() == 5);
}

TEST_CASE("an average that is saved and restored goes on with the same bits", "[optim]") {
  const EmaConfig config{.half_life = batches(3), .update_interval = batches(2)};
  const auto train = [](const at::Tensor& w, std::int64_t number) {
    w.mul_(0.9).add_(static_cast<double>(number) / 7);
  };
  const at::Tensor w = at::arange(5, at::kFloat);
  Ema straight(config, {w}, 0);
  for (std::int64_t i = 1; i <= 5; ++i) train(w, i), straight.after_batch({.batch = i}, 0, i);
  const at::Tensor v = w.clone();
  Ema resumed(config, {v}, 0);
  resumed.set_state(straight.started(), {straight.averages()[0].clone()}, straight.batches_tracked());
  for (std::int64_t i = 6; i <= 9; ++i) {
    train(w, i), straight.after_batch({.batch = i}, 0, i);
    train(v, i), resumed.after_batch({.batch = i}, 0, i);
  }
  CHECK(at::equal(straight.averages()[0], resumed.averages()[0]));
  CHECK(straight.batches_tracked() == resumed.batches_tracked());
}

EmaConfig config_of(const nlohmann::json& j) {
  EmaConfig config;
  const auto time = [&](const char* key) { return Duration::parse(j[key].get<std::string>()); };
  config.half_life.reset();
  if (j.contains("half_life") && !j["half_life"].is_null()) config.half_life = time("half_life");
  if (j.contains("smoothing") && !j["smoothing"].is_null()) config.smoothing = j["smoothing"].get<double>();
  config.update_interval = time("update_interval");
  if (j.contains("ema_start")) config.ema_start = time("ema_start");
  return config;
}

TEST_CASE("averages are the reference's bit for bit, whatever the units and the start", "[optim][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("ema")) {
    INFO(c["ema"]);
    const EmaConfig config = config_of(c["ema"]);
    CHECK(ema_smoothing(config) == c["smoothing"].get<double>());
    std::vector<std::string> names;
    std::vector<at::Tensor> tensors;
    const std::string counter = "bn.num_batches_tracked";
    for (const auto& [name, value] : c["initial"].items())
      if (name != counter) {
        names.push_back(name);
        tensors.push_back(test::tensor_of(value).to(at::kFloat));
      }
    Ema ema(config, tensors, 0);
    for (const auto& b : c["batches"]) {
      INFO(b["event"] << " " << b["batch"]);
      for (std::size_t i = 0; i < names.size(); ++i) tensors[i].copy_(test::tensor_of(b["model"][names[i]]));
      const auto tracked = test::tensor_of(b["model"][counter]).item<double>();
      const Progress now{.epoch = b["epoch"], .batch = b["batch"]};
      const double elapsed = static_cast<double>(now.epoch) / c["E"].get<double>();
      if (b["event"] == "batch_end")
        ema.after_batch(now, elapsed, static_cast<std::int64_t>(tracked));
      else
        ema.after_epoch(now, elapsed, static_cast<std::int64_t>(tracked));
      REQUIRE(ema.started() == b["started"].get<bool>());
      if (!ema.started()) continue;
      for (std::size_t i = 0; i < names.size(); ++i)
        CHECK(at::equal(ema.averages()[i], test::tensor_of(b["ema"][names[i]]).to(at::kFloat)));
      CHECK(static_cast<double>(ema.batches_tracked()) == test::tensor_of(b["ema"][counter]).item<double>());
    }
  }
}

}  // namespace
}  // namespace mosaic
