#include "train/class_results.h"

#include <nlohmann/json.hpp>

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("an evaluation's classes and confusions are counted, the most frequent confusion first", "[train]") {
  EvalResult eval;
  eval.labels = {0, 0, 0, 1, 1, 1, 2, 2, 0};
  eval.predicted = {0, 1, 1, 1, 2, 2, 2, 0, 2};
  const std::vector<std::int64_t> samples = {0, 7, 4, 2, 8, 6, 1, 3, 5};
  const ClassResults found = class_results(eval, samples, 4);
  CHECK(found.images == std::vector<std::int64_t>{4, 3, 2, 0});
  CHECK(found.correct == std::vector<std::int64_t>{1, 1, 1, 0});
  REQUIRE(found.confusions.size() == 4);
  const auto is = [&](std::size_t i, std::int64_t label, std::int64_t taken_for, std::int64_t images,
                      std::int64_t sample) {
    const auto& c = found.confusions[i];
    return c.label == label && c.taken_for == taken_for && c.images == images && c.sample == sample;
  };
  CHECK(is(0, 0, 1, 2, 4));  // sample 4 comes before 7
  CHECK(is(1, 1, 2, 2, 6));
  CHECK(is(2, 0, 2, 1, 5));
  CHECK(is(3, 2, 0, 1, 3));

  const auto json = nlohmann::json::parse(classes_json(found, {"a", "b"}, {.epoch = 3, .batch = 12}));
  CHECK(json["epoch"] == 3);
  CHECK(json["batch"] == 12);
  CHECK(json["classes"].size() == 2);
  CHECK(json["classes"][1] == nlohmann::json({{"name", "b"}, {"images", 3}, {"correct", 1}}));
  CHECK(json["confusions"][1] == nlohmann::json({{"class", "b"}, {"taken_for", "class 2"}, {"images", 2}}));
}

TEST_CASE("of many confusions the most frequent stay", "[train]") {
  EvalResult eval;
  std::vector<std::int64_t> samples;
  for (std::int64_t label = 0; label < 100; ++label)
    for (std::int64_t i = 0; i <= label; ++i) {
      eval.labels.push_back(label);
      eval.predicted.push_back((label + 1) % 100);
      samples.push_back(static_cast<std::int64_t>(samples.size()));
    }
  const ClassResults found = class_results(eval, samples, 100);
  REQUIRE(found.confusions.size() == kMostConfusions);
  for (std::size_t i = 0; i < kMostConfusions; ++i)
    CHECK(found.confusions[i].images == 100 - static_cast<std::int64_t>(i));
}

}  // namespace
}  // namespace mosaic
