#include "config/changes.h"

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("settings that decide what is trained are compared one by one, all others are left out", "[config]") {
  const std::string before =
      "run_name: a\nseed: 1\noptimizer:\n  lr: 0.1\n  momentum: 0.9\nalgorithms:\n  ema: null\n  sam:\n    rho: 0.5\n"
      "train_dataset:\n  path: /a\n  crop_size: 64\neval_dataset:\n  crop_size: 64\n";
  const std::string now =
      "run_name: b\nseed: 2\noptimizer:\n  lr: 0.2\n  momentum: 0.9\nalgorithms:\n  ema:\n    half_life: 10ba\n  sam: "
      "null\n"
      "train_dataset:\n  path: /b\n  crop_size: 64\neval_dataset:\n  crop_size: 32\n";
  CHECK(changes_of_training(before, before).empty());
  std::string all;
  for (const Change& c : changes_of_training(before, now)) all += c.key + ": " + c.before + " -> " + c.now + "\n";
  CHECK(all ==
        "algorithms.ema.half_life: absent -> 10ba\n"
        "algorithms.sam: absent -> null\n"
        "optimizer.lr: 0.1 -> 0.2\n"
        "algorithms.ema: null -> absent\n"
        "algorithms.sam.rho: 0.5 -> absent\n");
}

TEST_CASE("a setting that a checkpoint is too old to have is what was done then", "[config]") {
  const std::string before = "train_dataset: {crop_size: 64}\n";
  CHECK(changes_of_training(before,
                            "bf16_gradient_exchange: false\n"
                            "train_dataset: {crop_size: 64, decode: exact, shuffle: global, shuffle_block: 64, "
                            "shuffle_window: 32768}\n")
            .empty());
  const auto changes = changes_of_training(before, "train_dataset: {crop_size: 64, decode: half}\n");
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key + changes[0].before + changes[0].now == "train_dataset.decodeexacthalf");
}

TEST_CASE("a change is allowed by its key or by a section that it is in", "[config]") {
  CHECK(is_allowed("optimizer.lr", {"optimizer.lr"}));
  CHECK(is_allowed("optimizer.lr", {"seed", "optimizer"}));
  CHECK_FALSE(is_allowed("optimizer.lr", {"optimizer.l"}));
  CHECK_FALSE(is_allowed("optimizer.lr", {"opt", "optimizer.lr.x"}));
  CHECK_FALSE(is_allowed("optimizer.lr", {}));
}

}  // namespace
}  // namespace mosaic
