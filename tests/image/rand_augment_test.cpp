#include "image/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "catch.h"
#include "image/pictures.h"

namespace mosaic {
namespace {

using test::generated_image;

/// Answers in the order written down; asking for more fails. Notes the ranges that it is asked for.
class Script : public AugmentDraws {
 public:
  Script(AugmentOp op, std::vector<double> uniforms) : op_(op), uniforms_(std::move(uniforms)) {}
  int operation(int count) override {
    counts.push_back(count);
    return static_cast<int>(op_);
  }
  double uniform(double low, double high) override {
    ranges.emplace_back(low, high);
    return uniforms_.at(ranges.size() - 1);
  }
  std::vector<int> counts;
  std::vector<std::pair<double, double>> ranges;

 private:
  AugmentOp op_;
  std::vector<double> uniforms_;
};

using Ranges = std::vector<std::pair<double, double>>;

double parameter(AugmentOp op, std::vector<double> uniforms, const RandAugmentConfig& config = {}) {
  Script script(op, std::move(uniforms));
  return draw_augmentation(config, 176, 90, script).parameter;
}

TEST_CASE("an operation is drawn first, then its strength, then its sign", "[image]") {
  Script script(AugmentOp::kRotate, {5.0, 0.7});
  const Augmentation drawn = draw_augmentation({.severity = 8}, 176, 176, script);
  CHECK(drawn.op == AugmentOp::kRotate);
  CHECK(drawn.parameter == -15);
  CHECK(script.counts == std::vector<int>{13});
  CHECK(script.ranges == Ranges{{0.1, 8}, {0, 1}});
}

TEST_CASE("strengths become bits, degrees, thresholds, shifts and pixels", "[image]") {
  CHECK(parameter(AugmentOp::kPosterize, {2.4}) == 4);
  CHECK(parameter(AugmentOp::kPosterize, {7.5}) == 1);
  CHECK(parameter(AugmentOp::kSolarize, {1.0}) == 231);     // 256 - int(25.6)
  CHECK(parameter(AugmentOp::kRotate, {8.99, 0.5}) == 26);  // not above one half: positive
  CHECK(parameter(AugmentOp::kShearX, {9.0, 0.5}) == Approx(0.27));
  CHECK(parameter(AugmentOp::kShearY, {9.0, 0.6}) == Approx(-0.27));
  CHECK(parameter(AugmentOp::kTranslateX, {5.0, 0.1}) == 29);   // half of a third of the width 176
  CHECK(parameter(AugmentOp::kTranslateY, {5.0, 0.9}) == -15);  // of the height 90
  CHECK(parameter(AugmentOp::kAutocontrast, {}) == 0);
  CHECK(parameter(AugmentOp::kEqualize, {}) == 0);
}

TEST_CASE("an enhancement is a coin, then a factor above or below 1; only brightness above 1 is damped", "[image]") {
  Script larger(AugmentOp::kColor, {0.6, 3.0}), smaller(AugmentOp::kColor, {0.5, 0.3});
  CHECK(draw_augmentation({.severity = 9}, 176, 176, larger).parameter == 3.0);
  CHECK(larger.ranges == Ranges{{0, 1}, {1, 9}});
  CHECK(draw_augmentation({.severity = 9}, 176, 176, smaller).parameter == 0.3);
  CHECK(smaller.ranges == Ranges{{0, 1}, {1 - 0.09 * 9, 1}});
  CHECK(parameter(AugmentOp::kBrightness, {0.6, 3.0}) == 2.25);
  CHECK(parameter(AugmentOp::kBrightness, {0.5, 0.3}) == 0.3);
  CHECK(parameter(AugmentOp::kContrast, {0.6, 3.0}) == 3.0);
  CHECK(parameter(AugmentOp::kSharpness, {0.6, 3.0}) == 3.0);
}

TEST_CASE("the set `original` enhances by one draw and damps nothing", "[image]") {
  const RandAugmentConfig config{.severity = 9, .augmentation_set = AugmentationSet::kOriginal};
  for (const AugmentOp op : {AugmentOp::kColor, AugmentOp::kContrast, AugmentOp::kBrightness, AugmentOp::kSharpness}) {
    Script script(op, {8.0});
    CHECK(draw_augmentation(config, 176, 176, script).parameter == Approx(1.54));  // 8 * 0.18 + 0.1
    CHECK(script.counts == std::vector<int>{13});
    CHECK(script.ranges == Ranges{{0.1, 9}});
  }
}

TEST_CASE("the set `safe` draws from the nine operations that are no enhancements", "[image]") {
  std::set<AugmentOp> seen;
  for (int sample = 0; sample < 500; ++sample) {
    KeyedAugmentDraws draws(17, 0, sample);
    seen.insert(draw_augmentation({.augmentation_set = AugmentationSet::kSafe}, 176, 176, draws).op);
  }
  CHECK(seen.size() == 9);
  CHECK(*seen.rbegin() == AugmentOp::kTranslateY);
}

TEST_CASE("all thirteen operations are drawn alike, and their parameters fill their ranges", "[image]") {
  std::vector<int> counts(13);
  std::vector<double> lowest(13, 1e9), highest(13, -1e9);
  const int n = 26000;
  for (int sample = 0; sample < n; ++sample) {
    KeyedAugmentDraws draws(1, 0, sample);
    const Augmentation drawn = draw_augmentation({.severity = 9}, 176, 176, draws);
    const auto op = static_cast<std::size_t>(drawn.op);
    ++counts[op];
    lowest[op] = std::min(lowest[op], drawn.parameter);
    highest[op] = std::max(highest[op], drawn.parameter);
  }
  for (const int count : counts) CHECK(count == Approx(n / 13).margin(5 * std::sqrt(n / 13)));  // five standard errors
  const auto range = [&](AugmentOp op) {
    return std::pair(lowest[static_cast<std::size_t>(op)], highest[static_cast<std::size_t>(op)]);
  };
  CHECK(range(AugmentOp::kPosterize) == std::pair(1.0, 4.0));
  CHECK(range(AugmentOp::kRotate) == std::pair(-26.0, 26.0));
  CHECK(range(AugmentOp::kSolarize) == std::pair(26.0, 254.0));
  CHECK(range(AugmentOp::kTranslateX) == std::pair(-52.0, 52.0));
  CHECK(range(AugmentOp::kColor).first == Approx(0.19).margin(0.01));
  CHECK(range(AugmentOp::kColor).second == Approx(9).margin(0.1));
  CHECK(range(AugmentOp::kBrightness).second == Approx(6.75).margin(0.1));
}

std::vector<std::uint8_t> augmented(const Image& image, const RandAugmentConfig& config, AugmentDraws& draws) {
  std::vector<std::uint8_t> scratch, rgb = image.rgb;
  rand_augment(config, image.width, image.height, draws, scratch, rgb.data());
  return rgb;
}

TEST_CASE("a sample's augmentation is a function of seed, epoch and sample", "[image]") {
  const Image image = generated_image(64, 48, 5);
  const auto of = [&](std::uint64_t seed, int epoch, int sample) {
    KeyedAugmentDraws draws(seed, epoch, sample);
    return augmented(image, {.depth = 3}, draws);  // three operations: another key hardly ever draws the same ones
  };
  const auto rgb = of(17, 3, 1000);
  CHECK(of(17, 3, 1000) == rgb);
  CHECK(of(18, 3, 1000) != rgb);
  CHECK(of(17, 4, 1000) != rgb);
  CHECK(of(17, 3, 1001) != rgb);
}

TEST_CASE("depth is the number of operations, each on the result of the one before", "[image]") {
  const Image image = generated_image(40, 30, 6);
  Script none(AugmentOp::kTranslateX, {});
  CHECK(augmented(image, {.depth = 0}, none) == image.rgb);

  Script twice(AugmentOp::kTranslateX, {3.0, 0.1, 6.0, 0.1});  // by int(40 / 3 * 0.3) = 4 and int(40 / 3 * 0.6) = 8
  std::vector<std::uint8_t> once(image.rgb.size());
  apply({AugmentOp::kTranslateX, 12}, image, once.data());
  CHECK(augmented(image, {.depth = 2}, twice) == once);
}

TEST_CASE("every operation takes images of any shape", "[image]") {
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 2}, {3, 3}, {31, 2}, {5, 64}}) {
    const Image image = generated_image(width, height, 7);
    std::set<AugmentOp> seen;
    for (int sample = 0; sample < 300; ++sample) {
      KeyedAugmentDraws draws(2, 0, sample);
      const Augmentation drawn = draw_augmentation({.severity = 10}, width, height, draws);
      seen.insert(drawn.op);
      std::vector<std::uint8_t> out(image.rgb.size());
      apply(drawn, image, out.data());  // the sanitizers watch it
    }
    CHECK(seen.size() == 13);
  }
}

TEST_CASE("the scratch of augmentation is allocated once", "[image]") {
  Image image = generated_image(32, 32, 8);
  std::vector<std::uint8_t> scratch;
  KeyedAugmentDraws draws(3, 0, 0);
  rand_augment({}, 32, 32, draws, scratch, image.rgb.data());
  const std::uint8_t* first = scratch.data();
  for (int i = 0; i < 20; ++i) rand_augment({}, 32, 16 + i % 17, draws, scratch, image.rgb.data());
  CHECK(scratch.data() == first);
}

}  // namespace
}  // namespace mosaic
