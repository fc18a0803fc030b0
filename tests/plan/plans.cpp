#include "plan/plans.h"

#include "support.h"

namespace mosaic::test {

Config planned_config(const std::string& more) {
  const TemporaryFolder folder;
  write_text(folder / "plan.yaml",
             "run_name: plan\nmax_duration: 10ep\nmodel: {name: resnet18, num_classes: 10, width: 16}\n"
             "train_dataset: {path: /data, crop_size: 96, batch_size: 64}\n"
             "eval_dataset: {path: /data, resize_size: 112, crop_size: 96, batch_size: 32}\n" +
                 more);
  return load_config(folder / "plan.yaml", {}, "plan");
}

Calibration calibration_of(const Config& config) {
  // 0.02 s, and for each image 1e-6 s a pixel: 48 x 48 = 2304 pixels, 96 x 96 = 9216.
  const auto cost = [](int side, std::int64_t images) {
    const double seconds = 0.02 + 1e-6 * static_cast<double>(images) * side * side;
    return StepCost{.side = side,
                    .images = images,
                    .sam = false,
                    .seconds = seconds,
                    .low = seconds,
                    .high = seconds,
                    .first = 0.1,
                    .network = 0.01,
                    .exchange = 0.05};
  };
  Calibration c{.version = "1.2.3",
                .host = "node1",
                .device = "cpu",
                .config = config.yaml,
                .precision = "fp32",
                .fused_layers = true,
                .ranks = 2,
                .nodes = 1,
                .threads = 4,
                .train_images = 1000,
                .eval_images = 100,
                .image_bytes = 50'000,
                .read_seconds = 0.0004,
                .steps = {cost(48, 16), cost(48, 32), cost(96, 16), cost(96, 32)},
                .loading = {{48, 0.001}, {96, 0.002}},
                .evaluation = {cost(96, 8), cost(96, 16)},
                .exchange = {{1000, 0.0002}, {10'001'000, 0.0102}},
                .gradient_bytes = 10'000'000,
                .parameter_bytes = 10'000'000,
                .statistics_bytes = 50'000,
                .checkpoint_bytes = 20'100'000,
                .checkpoint_seconds = 0.5,
                .start_seconds = 4,
                .first_step_seconds = 0.3,
                .memory_before = 3e8,
                .memory_after = 4e8};
  return c;
}

}  // namespace mosaic::test
