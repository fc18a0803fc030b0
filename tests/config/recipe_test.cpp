#include <cmath>

#include "catch.h"
#include "config/config.h"
#include "support.h"

namespace mosaic {
namespace {

Config shipped(const std::vector<std::string>& overrides) {
  return load_config(test::source_folder() + "/yamls/resnet50.yaml", overrides, "made-up");
}

/// A file of its own with one recipe, `warm`.
class RecipeFile {
 public:
  explicit RecipeFile(const std::string& block) {
    test::write_text(path(), "train_dataset: {path: /data}\nmax_duration: 5ep\nwarm:\n" + block);
  }
  std::string path() const { return folder_ / "run.yaml"; }
  Config load(std::vector<std::string> overrides = {}) const {
    overrides.insert(overrides.begin(), "recipe_name=warm");
    return load_config(path(), overrides, "made-up");
  }
  std::string error(const std::vector<std::string>& overrides = {}) const {
    std::string message = test::message_of([&] { load(overrides); });
    if (const auto at = message.find(folder_.path()); at != std::string::npos)
      message.erase(at, folder_.path().size() + 1);
    return message;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("the four recipes have the published numbers", "[config]") {
  const Config baseline = shipped({}), mild = shipped({"recipe_name=mild"}), medium = shipped({"recipe_name=medium"}),
               hot = shipped({"recipe_name=hot"});

  CHECK(baseline.max_duration == Duration{90, TimeUnit::kEpoch});
  CHECK(mild.max_duration == Duration{36, TimeUnit::kEpoch});
  CHECK(medium.max_duration == Duration{135, TimeUnit::kEpoch});
  CHECK(hot.max_duration == Duration{270, TimeUnit::kEpoch});
  CHECK(baseline.model.loss_name == LossName::kCrossEntropy);
  CHECK(baseline.train_dataset.crop_size == 224);
  CHECK(baseline.eval_dataset.resize_size == 256);
  for (const Config* c : {&baseline, &mild, &medium, &hot}) {
    CHECK(c->train_dataset.batch_size == 2048);
    CHECK(c->eval_dataset.crop_size == 224);
    CHECK(c->optimizer.lr == 2.048);
    CHECK(c->optimizer.momentum == 0.875);
    CHECK(c->optimizer.weight_decay == 5e-4);
    CHECK(c->scheduler.t_warmup == Duration{8, TimeUnit::kEpoch});
    CHECK(c->scheduler.alpha_f == 0);
  }
  for (const Config* c : {&mild, &medium, &hot}) {
    const AlgorithmsConfig& a = c->algorithms;
    CHECK(c->model.loss_name == LossName::kBinaryCrossEntropy);
    CHECK(c->train_dataset.crop_size == 176);
    CHECK(c->eval_dataset.resize_size == 232);
    REQUIRE((a.blurpool && a.ema && a.progressive_resizing && a.label_smoothing));
    CHECK((a.blurpool->replace_convs && a.blurpool->replace_maxpools && a.blurpool->min_channels == 16));
    CHECK(a.channels_last);
    CHECK(a.ema->half_life == Duration{100, TimeUnit::kBatch});
    CHECK(a.ema->update_interval == Duration{20, TimeUnit::kBatch});
    CHECK(a.progressive_resizing->size_increment == 4);
    CHECK(a.progressive_resizing->finetune_fraction == 0.2);
  }
  CHECK(mild.algorithms.progressive_resizing->initial_scale == 0.5);
  CHECK(mild.algorithms.progressive_resizing->delay_fraction == 0.4);
  CHECK(hot.algorithms.progressive_resizing->initial_scale == 0.6);
  CHECK(hot.algorithms.progressive_resizing->delay_fraction == 0.2);
  CHECK(mild.algorithms.label_smoothing->smoothing == 0.08);
  CHECK(medium.algorithms.label_smoothing->smoothing == 0.1);
  CHECK(hot.algorithms.label_smoothing->smoothing == 0.13);
  CHECK_FALSE(mild.algorithms.mixup);
  CHECK(medium.algorithms.mixup->alpha == 0.2);
  CHECK(hot.algorithms.mixup->alpha == 0.25);
  CHECK_FALSE(mild.algorithms.sam);
  CHECK((medium.algorithms.sam->rho == 0.5 && medium.algorithms.sam->interval == 10));
  CHECK((hot.algorithms.sam->rho == 0.5 && hot.algorithms.sam->interval == 5 && hot.algorithms.sam->epsilon == 1e-12));
  CHECK_FALSE(medium.algorithms.colout);
  CHECK((hot.algorithms.colout->p_row == 0.05 && hot.algorithms.colout->p_col == 0.05));
  CHECK((hot.algorithms.randaugment->depth == 1 && hot.algorithms.randaugment->severity == 9));
  CHECK(hot.algorithms.stochastic_depth->drop_rate == 0.1);
}

TEST_CASE("the command line beats the recipe, which beats the file; what it beats is told", "[config]") {
  const RecipeFile file("  max_duration: 7ep\n  optimizer.lr: 0.5\n");
  CHECK(file.load().max_duration == Duration{7, TimeUnit::kEpoch});
  const Config c = file.load({"max_duration=9ep", "optimizer.lr=0.5"});
  CHECK(c.max_duration == Duration{9, TimeUnit::kEpoch});
  REQUIRE(c.overridden.size() == 1);  // the same value is no difference
  CHECK_THAT(c.overridden[0], Catch::StartsWith("max_duration: the recipe has 7ep (") &&
                                  Catch::EndsWith("run.yaml:4), the command line 9ep, which counts"));
}

TEST_CASE("a recipe's own values are changed by naming its block", "[config]") {
  CHECK(shipped({"recipe_name=mild", "mild.max_duration=10ep"}).max_duration == Duration{10, TimeUnit::kEpoch});
  CHECK(shipped({"recipe_name=mild", "mild.train_dataset.crop_size=160"}).train_dataset.crop_size == 160);
  CHECK(shipped({"recipe_name=mild", "mild[train_dataset.crop_size]=160"}).train_dataset.crop_size == 160);
  CHECK(shipped({"mild.max_duration=10ep"}).max_duration == Duration{90, TimeUnit::kEpoch});
}

TEST_CASE("a technique is left out of a recipe by null", "[config]") {
  CHECK_FALSE(shipped({"recipe_name=mild", "algorithms.ema=null"}).algorithms.ema);
  CHECK(shipped({"recipe_name=mild", "algorithms.ema=null"}).algorithms.blurpool);
}

TEST_CASE("the resolved configuration of a recipe stands alone", "[config]") {
  const test::TemporaryFolder folder;
  for (const std::string recipe : {"mild", "medium", "hot"}) {
    const Config c = shipped({"recipe_name=" + recipe});
    test::write_text(folder / "config.yaml", c.yaml);
    const Config again = load_config(folder / "config.yaml", {}, "made-up");
    CHECK(again.max_duration == c.max_duration);
    CHECK("# " + c.run_name + ": recipe " + recipe + " of " + test::source_folder() + "/yamls/resnet50.yaml\n" +
              again.yaml ==
          c.yaml);
  }
}

TEST_CASE("a recipe of one's own may have any name and any subset of techniques", "[config]") {
  const Config c = RecipeFile("  algorithms: {label_smoothing: {}, colout: {p_row: 0.2}}\n").load();
  CHECK(c.algorithms.label_smoothing->smoothing == 0.1);
  CHECK((c.algorithms.colout->p_row == 0.2 && c.algorithms.colout->p_col == ColOutConfig{}.p_col));
  CHECK_FALSE(c.algorithms.blurpool);
  CHECK(c.recipe_name == "warm");
}

TEST_CASE("wrong recipes are refused with a sentence", "[config]") {
  const auto refused = [](const std::string& algorithms) {
    return RecipeFile("  algorithms: " + algorithms + "\n").error();
  };
  CHECK(refused("{mixupp: {}}") == "run.yaml:4: algorithms.mixupp: unknown key; did you mean mixup?");
  CHECK(refused("{mixup: {alfa: 1}}") == "run.yaml:4: algorithms.mixup.alfa: unknown key; this section has: alpha");
  CHECK(refused("{sam: {interval: 0}}") ==
        "run.yaml:4: algorithms.sam.interval: got 0, expected a number of steps, 1 or more: 10 makes every tenth step "
        "a SAM step");
  CHECK(refused("{ema: {half_life: 100ba, smoothing: 0.9}}") ==
        "run.yaml:4: algorithms.ema.smoothing: got 0.9, but half_life is given too: expected one of them, since each "
        "follows "
        "from the other");
  CHECK(refused("{ema: {half_life: null}}") ==
        "run.yaml:4: algorithms.ema.half_life: got null, and smoothing is not given: expected one of them");
  CHECK(refused("{ema: {smoothing: 0.9}}") == "");
  CHECK(refused("{ema: {half_life: 100ba, update_interval: 1ep}}") ==
        "run.yaml:4: algorithms.ema.update_interval: got 1ep, expected a time in ep or ba, 1 or more, in the unit of "
        "half_life");
  CHECK(refused("{blurpool: {replace_convs: false, replace_maxpools: false}}") ==
        "run.yaml:4: algorithms.blurpool.replace_maxpools: got false, expected true or false; one of replace_convs and "
        "replace_maxpools must be on");
  CHECK(refused("{progressive_resizing: {delay_fraction: 0.6, finetune_fraction: 0.5}}") ==
        "run.yaml:4: algorithms.progressive_resizing.finetune_fraction: got 0.5, expected a number in [0, 1 - "
        "delay_fraction]");
  CHECK(refused("{randaugment: {severity: 11}}") ==
        "run.yaml:4: algorithms.randaugment.severity: got 11, expected a number in [0, 10]");
  CHECK_THAT(test::message_of([] { shipped({"recipe_name=wild"}); }),
             Catch::EndsWith("recipe_name: got wild, expected one of this file's recipes, mild, medium, hot, or null"));
  CHECK_THAT(test::message_of([] {
               shipped({"recipe_name=mild", "mild=null"});
             }),
             Catch::Contains("recipe_name: got mild, expected one of"));
}

TEST_CASE("a misspelt section is no recipe", "[config]") {
  const RecipeFile file("  max_duration: 7ep\noptimzer: {lr: 1}\n");
  CHECK(file.error() == "run.yaml:5: optimzer: unknown key; did you mean optimizer?");
}

}  // namespace
}  // namespace mosaic
