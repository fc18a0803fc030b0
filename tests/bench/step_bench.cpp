// Training steps of the product on made-up images, one for each line on standard input: `seconds CPU-seconds loss` is
// the answer. tests/bench/step_bench.py runs it beside LibTorch's eager mode.
//
//     step_bench [model=resnet50] [side=176] [batch=32] [precision=fp32|amp_bf16] [fused_layers=true|false]
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <string>

#include "base/error.h"
#include "comm/process_group.h"
#include "device/cpu_settings.h"
#include "train/run.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

using Settings = std::map<std::string, std::string>;

Settings read_settings(int argc, char** argv) {
  Settings settings = {
      {"model", "resnet50"}, {"side", "176"}, {"batch", "32"}, {"precision", "fp32"}, {"fused_layers", "true"}};
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    const auto setting = settings.find(text.substr(0, equals));
    if (equals == std::string::npos || setting == settings.end())
      throw Error(mosaic::str("got ", text, ", expected model=, side=, batch=, precision= or fused_layers="));
    setting->second = text.substr(equals + 1);
  }
  return settings;
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void serve(const Settings& settings) {
  prepare_cpu();
  const std::int64_t batch = std::stoll(settings.at("batch")), side = std::stoll(settings.at("side"));
  Config config;
  config.model.name = settings.at("model");
  config.train_dataset.batch_size = batch;
  config.optimizer = {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-5};
  config.precision = settings.at("precision") == "amp_bf16" ? Precision::kAmpBf16 : Precision::kFp32;
  config.fused_layers = settings.at("fused_layers") == "true";
  const auto ranks = single_process();
  const auto run = build_run(config, *ranks, at::kCPU, at::kFloat, 1000 * batch);

  at::Generator random = at::detail::createCPUGenerator(1);
  // As the loader delivers them: in rows of pixels.
  const Batch data{.images = at::randn({batch, side, side, 3}, random).permute({0, 3, 1, 2}),
                   .labels = at::randint(config.model.num_classes, {batch}, random, at::kLong)};
  std::cout << "ready: " << at::get_num_threads() << " threads" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    const StepResult result = train_step(*run, data);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    finish_batch(*run);
    std::cout << wall.count() << ' ' << cpu_seconds() - cpu << ' ' << result.loss << std::endl;
  }
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  try {
    mosaic::serve(mosaic::read_settings(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "step_bench: " << e.what() << '\n';
    return 1;
  }
}
