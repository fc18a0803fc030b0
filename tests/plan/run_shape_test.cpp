#include "plan/run_shape.h"

#include "catch.h"
#include "plan/plans.h"
#include "support.h"

using namespace mosaic;
using namespace mosaic::test;

TEST_CASE("a run is counted: steps, evaluations, checkpoints") {
  // 1000 images: 15 batches of 64 an epoch, 40 are left over. Evaluation: 100 images on 2 ranks, 50 each, in batches of 16.
  const RunShape shape = run_shape(planned_config("eval_interval: 3ep\nsave_interval: 4ep\n"), 1000, 100, 2);
  CHECK(shape.rank_batch == 32);
  CHECK(shape.batches_per_epoch == 15);
  CHECK(shape.total_batches == 150);
  CHECK(shape.eval_batches == 4);
  CHECK(shape.eval_rank_batch == 16);
  CHECK(shape.eval_last_batch == 2);
  CHECK(shape.evaluations == 5);  // before, after 3, 6 and 9 epochs, at the end
  CHECK(shape.checkpoints == 3);  // after 4, 8 and 10
  CHECK(shape.checkpoints_kept == 2);
  REQUIRE(shape.steps.size() == 1);
  CHECK(shape.steps[0].side == 96);
  CHECK(shape.steps[0].steps == 150);
}

TEST_CASE("sides of progressive resizing, each with its steps") {
  const std::string resizing =
      "algorithms: {progressive_resizing: {initial_scale: 0.5, delay_fraction: 0.4, finetune_fraction: 0.2, "
      "size_increment: 4";
  const RunShape loader = run_shape(planned_config(resizing + ", mode: loader}}\n"), 1000, 100, 2);
  // Epochs 0 to 4 at 48 (the ramp begins at 0.4), 5 at 0.625 of 96 = 60, 6 at 72, 7 at 84, 8 and 9 at 96.
  std::vector<std::pair<int, std::int64_t>> found;
  for (const StepKind& kind : loader.steps) {
    CHECK(kind.load_side == kind.side);
    found.emplace_back(kind.side, kind.steps);
  }
  CHECK(found == std::vector<std::pair<int, std::int64_t>>{{48, 75}, {60, 15}, {72, 15}, {84, 15}, {96, 30}});

  const RunShape device = run_shape(planned_config(resizing + ", mode: device_nearest}}\n"), 1000, 100, 2);
  REQUIRE(device.steps.size() == 5);
  CHECK(device.steps[0].side == 48);
  for (const StepKind& kind : device.steps) CHECK(kind.load_side == 96);
}

TEST_CASE("the last of every so many steps is one of SAM") {
  Config config = planned_config("algorithms: {sam: {interval: 7}}\n");
  config.max_duration = Duration::parse("40ba");
  const RunShape shape = run_shape(config, 1000, 100, 2);
  REQUIRE(shape.steps.size() == 2);
  CHECK(shape.steps[0].sam == false);
  CHECK(shape.steps[0].steps == 35);
  CHECK(shape.steps[1].steps == 5);  // steps 6, 13, 20, 27, 34
}

TEST_CASE("a batch that the ranks cannot share is refused") {
  CHECK(message_of([] { run_shape(planned_config(), 1000, 100, 3); }) ==
        "train_dataset.batch_size: got 64 on 3 ranks, expected a multiple of the number of ranks");
  CHECK(message_of([] { run_shape(planned_config(), 63, 100, 2); }) ==
        "train_dataset.batch_size: got 64, but the training set has 63 images: expected at most that");
}

TEST_CASE("evaluations are left at each multiple of their interval, and at the end") {
  const auto left = [](const char* interval, std::int64_t epoch, std::int64_t batch, std::int64_t total) {
    return evaluations_left(Duration::parse(interval), {.epoch = epoch, .batch = batch}, 10, total);
  };
  CHECK(left("1ep", 0, 0, 30) == 3);
  CHECK(left("1ep", 1, 10, 30) == 2);  // the one after the first epoch comes before the next step
  CHECK(left("1ep", 1, 15, 30) == 2);
  CHECK(left("2ep", 0, 0, 30) == 2);  // after 2 and at the end
  CHECK(left("2ep", 2, 25, 30) == 1);
  CHECK(left("1000ep", 0, 3, 30) == 1);
  CHECK(left("7ba", 0, 0, 30) == 5);  // 7, 14, 21, 28, 30
  CHECK(left("7ba", 0, 7, 30) == 4);
  CHECK(left("10ba", 2, 29, 30) == 1);
  CHECK(left("1ep", 3, 30, 30) == 0);
  CHECK(left("1ep", 2, 25, 25) == 0);
}

TEST_CASE("as many checkpoints lie there as are kept, and the one that is being written") {
  Config config = planned_config("save_interval: 1ep\nsave_num_checkpoints_to_keep: 2\n");
  CHECK(checkpoints_kept(config, 10, 100) == 3);
  CHECK(checkpoints_kept(config, 10, 15) == 2);  // after 10 batches and at the end
  config.save_num_checkpoints_to_keep = -1;
  CHECK(checkpoints_kept(config, 10, 100) == 10);
}
