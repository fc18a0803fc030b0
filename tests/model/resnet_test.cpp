#include "model/resnet.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "base/sha256.h"
#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

ResNet net_of(const std::string& name, int classes = 10, LossName loss = LossName::kCrossEntropy) {
  return ResNet({.name = name, .loss_name = loss, .num_classes = classes}, at::detail::createCPUGenerator(17));
}

TEST_CASE("the five nets have the published numbers of parameters", "[model]") {
  const std::pair<const char*, std::int64_t> expected[] = {{"resnet18", 11689512},
                                                           {"resnet34", 21797672},
                                                           {"resnet50", 25557032},
                                                           {"resnet101", 44549160},
                                                           {"resnet152", 60192808}};
  for (const auto& [name, count] : expected) {
    std::int64_t n = 0;
    for (const auto& p : net_of(name, 1000).parameters()) n += p.tensor.numel();
    INFO(name);
    CHECK(n == count);
  }
  CHECK(net_of("resnet50").parameters().size() == 161);
  CHECK(net_of("resnet50").buffers().size() == 2 * 53);
}

TEST_CASE("the width scales the channels of every layer", "[model]") {
  const auto wide = net_of("resnet50").parameters();
  const auto narrow =
      ResNet({.name = "resnet50", .num_classes = 10, .width = 16}, at::detail::createCPUGenerator(17)).parameters();
  REQUIRE(narrow.size() == wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    INFO(wide[i].name);
    CHECK(narrow[i].name == wide[i].name);
    std::vector<std::int64_t> expected = wide[i].tensor.sizes().vec();
    const bool last = wide[i].name == "fc.weight" || wide[i].name == "fc.bias";
    if (!last) expected[0] /= 4;
    if (expected.size() > 1 && wide[i].name != "conv1.weight") expected[1] /= 4;
    CHECK(narrow[i].tensor.sizes() == at::IntArrayRef(expected));
  }
}

TEST_CASE("both losses, any number of classes: logits for every class", "[model]") {
  const c10::NoGradGuard no_grad;
  for (const char* name : {"resnet18", "resnet50"})
    for (const LossName loss : {LossName::kCrossEntropy, LossName::kBinaryCrossEntropy})
      for (const int classes : {10, 100}) {
        auto net = net_of(name, classes, loss);
        net.set_training(false);
        const at::Tensor logits = net.forward(at::zeros({1, 3, 64, 64}));
        CHECK(logits.sizes() == at::IntArrayRef({1, classes}));
        CHECK(logits.scalar_type() == at::kFloat);
      }
}

TEST_CASE("training moves the running statistics, evaluation and frozen batch norm do not", "[model]") {
  const c10::NoGradGuard no_grad;
  const auto moved = [](bool training, bool frozen) {
    ResNet net({.name = "resnet18", .num_classes = 10, .freeze_batch_norm = frozen},
               at::detail::createCPUGenerator(17));
    net.set_training(training);
    net.forward(at::ones({2, 3, 32, 32}));
    return !at::equal(net.buffers()[0].tensor, at::zeros({64}));
  };
  CHECK(moved(true, false));
  CHECK_FALSE(moved(false, false));
  CHECK_FALSE(moved(true, true));
}

TEST_CASE("an unknown net names the five that there are", "[model]") {
  CHECK(test::message_of([] { net_of("resnext50_32x4d"); }) ==
        "model.name: got resnext50_32x4d, expected resnet18, resnet34, resnet50, resnet101 or resnet152");
}

TEST_CASE("initial weights are the reference's, bit for bit", "[model][golden]") {
  const auto golden = test::golden_json("init.json");
  if (!golden) return;
  for (const auto& g : golden->at("nets")) {
    INFO(g["arch"] << " " << g["loss"] << " seed " << g["seed"]);
    auto random = at::detail::createCPUGenerator(g["seed"].get<std::uint64_t>());
    const ResNet net(
        {.name = g["arch"],
         .loss_name = g["loss"] == "cross_entropy" ? LossName::kCrossEntropy : LossName::kBinaryCrossEntropy,
         .num_classes = g["classes"]},
        random);
    std::map<std::string, at::Tensor> mine;
    for (const auto& p : net.parameters()) mine[p.name] = p.tensor.detach();
    for (const auto& b : net.buffers()) mine[b.name] = b.tensor;
    int compared = 0;
    for (const auto& t : g["tensors"]) {
      const std::string name = t["name"];
      if (name.ends_with("num_batches_tracked")) continue;
      INFO(name);
      REQUIRE(mine.count(name) == 1);
      const at::Tensor& tensor = mine[name];
      REQUIRE(tensor.sizes() == at::IntArrayRef(t["shape"].get<std::vector<std::int64_t>>()));
      Sha256 hash;
      hash.add({static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
      CHECK(hash.hex() == t["sha256"].get<std::string>());
      ++compared;
    }
    CHECK(compared == static_cast<int>(mine.size()));
    CHECK(test::deviation(at::rand({4}, random), at::tensor(g["next_rand"].get<std::vector<double>>())) == 0);
  }
}

}  // namespace
}  // namespace mosaic
