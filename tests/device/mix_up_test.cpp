#include "device/mix_up.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

TEST_CASE("images and targets are mixed by the same coefficient, and the partner's label stays sharp", "[device]") {
  // Recipes section 6.7: 10 classes, smoothing 0.13.
  const Mix mix{.coefficient = 0.0868611, .partners = at::tensor({1, 0}, at::kLong)};
  const at::Tensor sharp = at::eye(10, at::kDouble).narrow(0, 3, 2);  // labels 3 and 4
  const at::Tensor targets = mix_targets(sharp * 0.87 + 0.013, sharp, mix);
  CHECK(targets[0][3].item<double>() == Approx(0.8063017).epsilon(1e-6));
  CHECK(targets[0][4].item<double>() == Approx(0.0987319).epsilon(1e-6));
  CHECK(targets[0][0].item<double>() == Approx(0.0118708).epsilon(1e-5));
  const at::Tensor images = at::tensor({1.0, 3.0}, at::kDouble).view({2, 1, 1, 1});
  CHECK(mix_images(images, {.coefficient = 0.25, .partners = mix.partners})[0].item<double>() == 1.5);
}

TEST_CASE("coefficients lie in [0, 0.5] with the means of the published strengths", "[device]") {
  for (const auto& [alpha, mean] : {std::pair{0.2, 0.101}, {0.25, 0.119}, {2.0, 0.3125}}) {
    double sum = 0;
    constexpr int kDraws = 20000;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
      const double m = draw_mix({.alpha = alpha}, 1, KeyedRandom{i}).coefficient;
      REQUIRE((0 <= m && m <= 0.5));
      sum += m;
    }
    CHECK(sum / kDraws == Approx(mean).margin(0.004));
  }
}

TEST_CASE("Beta draws have the moments of the distribution, at any strength", "[device]") {
  for (const double alpha : {1e-3, 0.2, 1.0, 5.0}) {
    KeyedRandom random{7};
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double x = draw_beta(alpha, random);
      REQUIRE((0 <= x && x <= 1));
      sum += x, squares += (x - 0.5) * (x - 0.5);
    }
    CHECK(sum / kDraws == Approx(0.5).margin(0.012));
    CHECK(squares / kDraws == Approx(1 / (4 * (2 * alpha + 1))).epsilon(0.03));
  }
}

TEST_CASE("draws follow their key; partners are a permutation; strength 0 mixes nothing", "[device]") {
  const DrawKey key{.seed = 17, .step = 3, .rank = 1};
  const Mix a = draw_mix({}, 50, key.random(kMixUp)), b = draw_mix({}, 50, key.random(kMixUp));
  CHECK(a.coefficient == b.coefficient);
  CHECK(at::equal(a.partners, b.partners));
  CHECK(at::equal(std::get<0>(a.partners.sort()), at::arange(50, at::kLong)));
  for (const DrawKey& other :
       {DrawKey{18, 3, 1}, DrawKey{17, 4, 1}, DrawKey{17, 3, 2}, DrawKey{17, 3, 1, 1}, DrawKey{17, 3, 1, 0, 1}})
    CHECK_FALSE(at::equal(a.partners, draw_mix({}, 50, other.random(kMixUp)).partners));
  CHECK(draw_mix({.alpha = 0}, 4, key.random(kMixUp)).coefficient == 0);
}

TEST_CASE("mixed batches are the reference's", "[device][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("mixup")) {
    INFO("m " << c["m"]);
    const Mix mix{.coefficient = c["m"], .partners = at::tensor(c["perm"].get<std::vector<std::int64_t>>(), at::kLong)};
    if (c.contains("lambda_drawn")) {
      const double lambda = c["lambda_drawn"];
      CHECK(std::min(lambda, 1 - lambda) == mix.coefficient);
    }
    CHECK(test::deviation(mix_images(test::tensor_of(c["x"]).to(at::kFloat), mix), test::tensor_of(c["x_mixed"])) <=
          2e-7);
    if (!c.contains("target")) continue;
    const std::int64_t classes = c["classes"];
    const at::Tensor labels = at::tensor(c["y"].get<std::vector<std::int64_t>>(), at::kLong);
    const at::Tensor sharp = at::eye(classes).index_select(0, labels);
    const double smoothing = c["smoothing"].is_null() ? 0 : c["smoothing"].get<double>();
    const at::Tensor smoothed = sharp * (1 - smoothing) + smoothing / static_cast<double>(classes);
    CHECK(test::deviation(mix_targets(smoothed, sharp, mix), test::tensor_of(c["target"])) <= 2e-7);
  }
}

}  // namespace
}  // namespace mosaic
