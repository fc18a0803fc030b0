#include "model/label_smoothing.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "golden_tensors.h"
#include "model/loss.h"

namespace mosaic {
namespace {

TEST_CASE("smoothing takes from the label what it spreads over all classes", "[model]") {
  const at::Tensor sharp = dense_targets(at::tensor({2, 0}, at::kLong), 4, at::kDouble);
  const at::Tensor expected = at::tensor({0.02, 0.02, 0.94, 0.02, 0.94, 0.02, 0.02, 0.02}, at::kDouble).view({2, 4});
  CHECK(test::deviation(smooth(sharp, 0.08), expected) <= 1e-15);
  CHECK(at::equal(smooth(sharp, 0), sharp));
  CHECK(at::equal(smooth(sharp, 1), at::full({2, 4}, 0.25, at::kDouble)));
}

TEST_CASE("smoothed targets are the reference's", "[model][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& c : golden->at("label_smoothing")) {
    INFO(c["smoothing"] << " over " << c["C"]);
    const at::Tensor targets = test::targets_of(c["target"]);
    const at::Tensor dense = targets.dim() == 1 ? dense_targets(targets, c["C"], at::kFloat) : targets;
    const at::Tensor smoothed = smooth(dense, c["smoothing"]);
    if (c.contains("output")) {
      CHECK(test::deviation(smoothed, test::tensor_of(c["output"])) <= 2e-7);
      continue;
    }
    const auto labels = c["target"].get<std::vector<std::int64_t>>();
    for (std::size_t i = 0; i < labels.size(); ++i)
      CHECK(smoothed[static_cast<std::int64_t>(i)][labels[i]].item<double>() ==
            Approx(c["values"]["own"][i].get<double>()).margin(2e-7));
    CHECK(smoothed[0][(labels[0] + 1) % c["C"].get<std::int64_t>()].item<double>() ==
          Approx(c["values"]["other"].get<double>()).margin(2e-7));
  }
}

}  // namespace
}  // namespace mosaic
