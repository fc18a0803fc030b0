#include "model/loss.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

TEST_CASE("soft cross entropy and binary cross entropy have the values worked out by hand", "[model]") {
  const at::Tensor logits = at::tensor({1.0, 2.0, 3.0}, at::kDouble).view({1, 3});
  const at::Tensor targets = at::tensor({0.7, 0.2, 0.1}, at::kDouble).view({1, 3});
  CHECK(mosaic::cross_entropy(logits, targets).item<double>() == Approx(2.00760596).epsilon(1e-8));
  CHECK(mosaic::binary_cross_entropy(logits, targets).item<double>() == Approx(5.08877705).epsilon(1e-8));
}

TEST_CASE("a negative index is a row of zeros", "[model]") {
  const at::Tensor dense = dense_targets(at::tensor({1, -1}, at::kLong), 3, at::kFloat);
  CHECK(at::equal(dense, at::tensor({0.f, 1.f, 0.f, 0.f, 0.f, 0.f}).view({2, 3})));
}

TEST_CASE("16-bit logits are widened: the loss is a float32", "[model]") {
  const at::Tensor logits = at::zeros({2, 10}, at::kBFloat16);
  const at::Tensor value = loss(LossName::kBinaryCrossEntropy, logits, at::tensor({3, 4}, at::kLong));
  CHECK(value.scalar_type() == at::kFloat);
  CHECK(value.item<double>() == Approx(10 * std::log(2.0)));
}

TEST_CASE("losses and their gradients are the reference's", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("losses")) {
    INFO(c["loss"] << " " << c["case"]);
    const at::Tensor logits = test::tensor_of(c["x"]).to(at::kFloat).requires_grad_(true);
    const at::Tensor targets = test::targets_of(c["target"]);
    const LossName name = c["loss"] == "cross_entropy" ? LossName::kCrossEntropy : LossName::kBinaryCrossEntropy;
    const at::Tensor value = loss(name, logits, targets);
    value.backward();
    CHECK(test::deviation(value, at::tensor(c["value"].get<double>())) < 2e-7);
    CHECK(test::deviation(logits.grad(), test::tensor_of(c["grad"])) < 2e-7);
  }
}

}  // namespace
}  // namespace mosaic
