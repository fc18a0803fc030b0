#include "batch/resize_schedule.h"

#include <span>
#include <utility>

#include "base/sha256.h"
#include "catch.h"
#include "support.h"
#include "weights/safetensors.h"

namespace mosaic {
namespace {

using nlohmann::json;
using Runs = std::vector<std::pair<int, int>>;  // side, epochs

constexpr ProgressiveResizingConfig kMild{.initial_scale = 0.5, .delay_fraction = 0.4, .finetune_fraction = 0.2};
constexpr ProgressiveResizingConfig kHot{.initial_scale = 0.6, .delay_fraction = 0.2, .finetune_fraction = 0.2};

template <class SideAt>
Runs runs_of(int epochs, SideAt side_at) {
  Runs runs;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const int side = side_at(static_cast<double>(epoch) / epochs);
    if (runs.empty() || runs.back().first != side) runs.emplace_back(side, 0);
    ++runs.back().second;
  }
  return runs;
}

Runs nearest_runs(const ProgressiveResizingConfig& config, int width, int epochs) {
  return runs_of(epochs, [&](double elapsed) { return nearest_size(width, nearest_scale(config, width, elapsed)); });
}

Runs loader_runs(const ProgressiveResizingConfig& config, int full_side, int epochs) {
  return runs_of(epochs, [&](double elapsed) { return loader_side(config, full_side, elapsed); });
}

TEST_CASE("the scale waits, grows linearly and ends with a time at full size", "[batch]") {
  CHECK(resize_scale(kMild, 0) == 0.5);
  CHECK(resize_scale(kMild, 0.399) == 0.5);
  CHECK(resize_scale(kMild, 0.4) == 0.5);
  CHECK(resize_scale(kMild, 0.6) == Approx(0.75));
  CHECK(resize_scale(kMild, 15.0 / 36) == Approx(0.520833).margin(1e-6));
  CHECK(resize_scale(kMild, 0.8001) == 1);
  CHECK(resize_scale(kMild, 1) == 1);
}

TEST_CASE("without a ramp the scale jumps to 1", "[batch]") {
  const ProgressiveResizingConfig jump{.initial_scale = 0.5, .delay_fraction = 0.7, .finetune_fraction = 0.3};
  CHECK(resize_scale(jump, 0.699) == 0.5);
  CHECK(resize_scale(jump, 0.701) == 1);
  const ProgressiveResizingConfig whole_run{.initial_scale = 0.25, .delay_fraction = 0, .finetune_fraction = 1};
  CHECK(resize_scale(whole_run, 0) == 1);
}

TEST_CASE("mild on the device: the published sides of all 36 epochs", "[batch]") {
  CHECK(nearest_runs(kMild, 176, 36) == Runs{{88, 15},
                                             {92, 1},
                                             {96, 1},
                                             {104, 1},
                                             {112, 1},
                                             {116, 1},
                                             {124, 1},
                                             {128, 1},
                                             {136, 1},
                                             {140, 1},
                                             {148, 1},
                                             {152, 1},
                                             {160, 1},
                                             {164, 1},
                                             {172, 1},
                                             {176, 7}});
}

TEST_CASE("medium on the device: the published sides of all 135 epochs, 119 among them", "[batch]") {
  CHECK(nearest_runs(kMild, 176, 135) == Runs{{88, 56}, {92, 2},  {96, 3},  {100, 2}, {104, 3}, {108, 2},
                                              {112, 2}, {116, 3}, {119, 2}, {124, 3}, {128, 2}, {132, 3},
                                              {136, 2}, {140, 3}, {144, 2}, {148, 3}, {152, 2}, {156, 2},
                                              {160, 3}, {164, 2}, {168, 3}, {172, 2}, {176, 28}});
}

TEST_CASE("hot on the device, after ColOut: the published sides of all 270 epochs, 99 among them", "[batch]") {
  CHECK(nearest_runs(kHot, 167, 270) == Runs{{99, 59},
                                             {104, 10},
                                             {108, 9},
                                             {112, 10},
                                             {116, 10},
                                             {120, 9},
                                             {124, 10},
                                             {128, 10},
                                             {132, 9},
                                             {136, 10},
                                             {140, 10},
                                             {144, 10},
                                             {148, 9},
                                             {152, 10},
                                             {156, 10},
                                             {160, 9},
                                             {164, 10},
                                             {167, 56}});
}

TEST_CASE("in the loader no side is one short", "[batch]") {
  CHECK(loader_runs(kMild, 176, 36) == nearest_runs(kMild, 176, 36));  // 119 is not among them
  CHECK(loader_runs(kMild, 176, 135) == Runs{{88, 56}, {92, 2},  {96, 3},  {100, 2}, {104, 3}, {108, 2},
                                             {112, 2}, {116, 3}, {120, 2}, {124, 3}, {128, 2}, {132, 3},
                                             {136, 2}, {140, 3}, {144, 2}, {148, 3}, {152, 2}, {156, 2},
                                             {160, 3}, {164, 2}, {168, 3}, {172, 2}, {176, 28}});
  // Of the crop itself: ColOut drops its rows and columns later, on the device.
  CHECK(loader_runs(kHot, 176, 270) == Runs{{104, 55},
                                            {108, 10},
                                            {112, 9},
                                            {116, 9},
                                            {120, 9},
                                            {124, 9},
                                            {128, 10},
                                            {132, 9},
                                            {136, 9},
                                            {140, 9},
                                            {144, 9},
                                            {148, 10},
                                            {152, 9},
                                            {156, 9},
                                            {160, 9},
                                            {164, 9},
                                            {168, 10},
                                            {172, 9},
                                            {176, 58}});
}

TEST_CASE("in the loader a side is a multiple of the increment or the full side", "[batch]") {
  struct Case {
    int full_side, increment;
    double elapsed;
    int side;
  };
  for (const Case& c : {Case{176, 4, 0.0, 88},
                        {64, 4, 0.0, 32},
                        {64, 4, 0.6, 48},
                        {64, 32, 0.5, 32},    // 40 to the nearest multiple of 32
                        {70, 32, 0.6, 64},    // 52.5
                        {75, 50, 0.6, 50},    // 56.25
                        {75, 50, 0.79, 50},   // 74.06
                        {90, 60, 0.79, 60},   // 88.9
                        {95, 60, 0.79, 95},   // 93.8: the nearest multiple, 120, is above the full side
                        {50, 20, 0.6, 40},    // 37.5
                        {60, 20, 0.4, 40},    // 30: halves to the even multiple
                        {65, 4, 0.8001, 65},  // the scale is 1: the full side, which is no multiple
                        {65, 4, 0.79, 64},
                        {3, 4, 0.0, 3},  // less than an increment
                        {8, 16, 0.0, 8},
                        {176, 1, 0.0, 88},
                        {175, 1, 0.0, 88}}) {  // 87.5
    CAPTURE(c.full_side, c.increment, c.elapsed);
    ProgressiveResizingConfig config = kMild;
    config.size_increment = c.increment;
    CHECK(loader_side(config, c.full_side, c.elapsed) == c.side);
  }
}

TEST_CASE("a run that starts at full size stays there; on the device, up to the rounding to a multiple", "[batch]") {
  const ProgressiveResizingConfig config{.initial_scale = 1};
  for (const int side : {176, 167, 65}) CHECK(loader_side(config, side, 0.3) == side);
  for (const int side : {176, 167}) CHECK(nearest_scale(config, side, 0.3) == 1);
  CHECK(nearest_scale(config, 65, 0.3) == 64.0 / 65);  // as the reference does it
}

TEST_CASE("no image is shrunk to nothing", "[batch]") {
  const ProgressiveResizingConfig tiny{.initial_scale = 0.01, .size_increment = 4};
  CHECK(loader_side(tiny, 32, 0) == 4);
  CHECK(nearest_size(32, nearest_scale(tiny, 32, 0)) == 4);
  CHECK(nearest_size(1, 0.5) == 1);
}

TEST_CASE("nearest neighbour takes the pixel at the floor of the scaled position", "[batch]") {
  CHECK(nearest_indices(6, 0.5) == std::vector<std::int64_t>{0, 2, 4});
  CHECK(nearest_indices(5, 0.6) == std::vector<std::int64_t>{0, 1, 3});
  CHECK(nearest_indices(4, 1) == std::vector<std::int64_t>{0, 1, 2, 3});
}

std::string hash_of(const std::vector<std::int64_t>& indices) {
  const std::vector<std::int32_t> words(indices.begin(), indices.end());
  Sha256 hash;
  hash.add(std::as_bytes(std::span(words)));
  return hash.hex().substr(0, 16);
}

ProgressiveResizingConfig config_of(const json& entry) {
  return {.initial_scale = entry.at("initial_scale"),
          .delay_fraction = entry.at("delay"),
          .finetune_fraction = entry.at("finetune")};
}

TEST_CASE("sides on the device are the reference's, for many recipes, widths and lengths", "[batch][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  const json& tables = golden->at("progressive_resizing").at("tables");
  CHECK_FALSE(tables.empty());
  for (const json& table : tables) {
    CAPTURE(table.dump());
    CHECK(nearest_runs(config_of(table), table.at("width"), table.at("epochs")) == table.at("runs").get<Runs>());
  }
}

TEST_CASE("the pixels that shrinking takes are the reference's", "[batch][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  const json& progressive = golden->at("progressive_resizing");
  CHECK_FALSE(progressive.at("indices").empty());
  for (const json& entry : progressive.at("indices")) {
    CAPTURE(entry.dump());
    const int width = entry.at("width");
    const auto indices = nearest_indices(width, entry.at("pinned").get<double>() / width);
    CHECK(indices.size() == entry.at("out").get<std::size_t>());
    CHECK(hash_of(indices) == entry.at("sha256"));
    if (entry.contains("indices")) CHECK(indices == entry.at("indices").get<std::vector<std::int64_t>>());
  }
  for (const json& entry : progressive.at("rect")) {
    CAPTURE(entry.dump());
    for (std::size_t i = 0; i < 2; ++i)
      CHECK(nearest_size(entry.at("in").at(i), entry.at("scale")) == entry.at("out").at(i).get<int>());
  }
}

TEST_CASE("shrunken batches are the reference's", "[batch][golden]") {
  const auto golden = test::golden_json("optim.json");
  const auto path = test::golden_path("optim.safetensors");
  if (!golden || !path) return;
  const SafetensorsFile tensors(*path);
  for (const json& example : golden->at("progressive_resizing").at("examples")) {
    CAPTURE(example.dump());
    const int width = example.at("in");
    const auto indices = nearest_indices(width, nearest_scale(config_of(example), width, example.at("elapsed")));
    const TensorBytes &x = tensors.get(example.at("tensors").get<std::string>() + ".x"),
                      &y = tensors.get(example.at("tensors").get<std::string>() + ".y");
    const auto side = static_cast<std::int64_t>(indices.size());
    REQUIRE(y.shape == std::vector<std::int64_t>{x.shape.at(0), x.shape.at(1), side, side});
    const auto pixel = [](const TensorBytes& tensor, std::int64_t at) {
      return std::vector<std::byte>(tensor.bytes.begin() + at * 4, tensor.bytes.begin() + (at + 1) * 4);  // float32
    };
    for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
      for (std::int64_t i = 0; i < side; ++i)
        for (std::int64_t j = 0; j < side; ++j)
          if (pixel(y, (plane * side + i) * side + j) != pixel(x, (plane * width + indices[i]) * width + indices[j]))
            FAIL("plane " << plane << ", row " << i << ", column " << j << " comes from another pixel");
  }
}

}  // namespace
}  // namespace mosaic
