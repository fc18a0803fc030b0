#include "image/random_crop.h"

#include <cmath>
#include <vector>

#include "catch.h"

namespace mosaic {
namespace {

/// Answers in the order written down; asking for more fails.
class Script : public CropDraws {
 public:
  Script(std::vector<float> uniforms, std::vector<std::int64_t> integers)
      : uniforms_(std::move(uniforms)), integers_(std::move(integers)) {}
  float uniform(float, float) override { return uniforms_.at(next_uniform_++); }
  std::int64_t integer(std::int64_t bound) override {
    bounds.push_back(bound);
    return integers_.at(next_integer_++);
  }
  std::vector<std::int64_t> bounds;

 private:
  std::vector<float> uniforms_;
  std::vector<std::int64_t> integers_;
  std::size_t next_uniform_ = 0, next_integer_ = 0;
};

TEST_CASE("a crop is drawn as area, ratio, top, left", "[image]") {
  Script script({0.25f, 0.0f}, {30, 40});                                        // a quarter of the area, square
  CHECK(random_resized_crop(200, 100, 0.08, 1, script) == Box{40, 30, 71, 71});  // sqrt(5000) = 70.7
  CHECK(script.bounds == std::vector<std::int64_t>{30, 130});
}

TEST_CASE("a box that does not fit is drawn again, without a place", "[image]") {
  Script script({1.0f, 0.0f, 0.5f, 0.0f}, {0, 0});  // 141 x 141 does not fit into 200 x 100
  CHECK(random_resized_crop(200, 100, 0.08, 1, script) == Box{0, 0, 100, 100});
  CHECK(script.bounds == std::vector<std::int64_t>{1, 101});
}

TEST_CASE("after ten misses the crop is the largest centred one with a legal ratio", "[image]") {
  Script wide(std::vector<float>(20, 0.9f), {}), tall(std::vector<float>(20, 0.9f), {});
  CHECK(random_resized_crop(2000, 20, 0.08, 1, wide) == Box{986, 0, 27, 20});
  CHECK(random_resized_crop(20, 2000, 0.08, 1, tall) == Box{0, 986, 20, 27});
  Script square(std::vector<float>(20, 4.0f), {});  // four times the area
  CHECK(random_resized_crop(50, 50, 0.08, 1, square) == Box{0, 0, 50, 50});
}

TEST_CASE("a sample's crop is a function of seed, epoch and sample", "[image]") {
  const auto crop = [](std::uint64_t seed, int epoch, int sample) {
    KeyedCropDraws draws(seed, epoch, sample);
    return random_resized_crop(500, 375, 0.08, 1, draws);
  };
  const Box box = crop(17, 3, 1000);
  CHECK(crop(17, 3, 1000) == box);
  CHECK_FALSE(crop(18, 3, 1000) == box);
  CHECK_FALSE(crop(17, 4, 1000) == box);
  CHECK_FALSE(crop(17, 3, 1001) == box);
}

TEST_CASE("every crop lies in its image, areas are uniform and half of the images are flipped", "[image]") {
  int flips = 0;
  double area = 0;
  const int n = 20000;
  for (int sample = 0; sample < n; ++sample) {
    KeyedCropDraws draws(1, 0, sample);
    const Box box = random_resized_crop(400, 400, 0.25, 0.5, draws);
    const bool inside = box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 &&
                        box.left + box.width <= 400 && box.top + box.height <= 400;
    if (!inside) FAIL("sample " << sample << ": a box outside the image");
    area += static_cast<double>(box.width) * box.height / (400.0 * 400.0 * n);
    flips += draws.flip();
  }
  CHECK(area == Approx(0.375).margin(0.002));                  // standard error 0.0005
  CHECK(flips == Approx(n / 2).margin(5 * std::sqrt(n) / 2));  // five standard errors
}

}  // namespace
}  // namespace mosaic
