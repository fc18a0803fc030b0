// How much of the exchange of gradients the backward pass hides, by the size of its buckets: training steps on made-up images, with each
// size in turn, so that a slow moment of the machine meets all of them.
//
//     mpirun -np 2 [--bind-to core] exchange_bench [model=resnet50] [side=176] [batch=16] [rounds=7] [bf16=false] [sizes=1e6,4e6,25e6,1e9]
//
// `batch` is a rank's. Rank 0 prints a table of medians over the rounds: seconds of a step, milliseconds that it stands still for the
// exchange, milliseconds that the exchange takes by itself, and the share of these in which it stands still.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"
#include "comm/mpi_session.h"
#include "comm/node_cores.h"
#include "comm/process_group.h"
#include "device/cpu_settings.h"
#include "train/run.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

constexpr int kWarmUp = 2;  // rounds

using Settings = std::map<std::string, std::string>;

Settings read_settings(int argc, char** argv) {
  Settings settings = {{"model", "resnet50"}, {"side", "176"},   {"batch", "16"},
                       {"rounds", "7"},       {"bf16", "false"}, {"sizes", "1e6,4e6,25e6,1e9"}};
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    const auto setting = settings.find(text.substr(0, equals));
    if (equals == std::string::npos || setting == settings.end())
      throw Error(mosaic::str("got ", text, ", expected model=, side=, batch=, rounds=, bf16= or sizes="));
    setting->second = text.substr(equals + 1);
  }
  return settings;
}

/// The steps with one size of the buckets.
struct Variant {
  std::int64_t bucket_bytes;
  std::unique_ptr<Run> run;
  std::vector<double> step, exposed, busy;  // seconds

  double share(std::size_t i) const { return exposed[i] / busy[i]; }
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void make_step(Variant& v, const Batch& batch) {
  const double busy_before = v.run->exchange.busy_seconds();
  const auto start = std::chrono::steady_clock::now();
  enter(*v.run, StepPart::kOther);
  v.run->laps.take();
  train_step(*v.run, batch);
  finish_batch(*v.run);
  const StepSeconds seconds = step_seconds(v.run->laps.take(), v.run->exchange.busy_seconds() - busy_before);
  v.step.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  v.exposed.push_back(seconds.exchange);
  v.busy.push_back(seconds.exchange_busy);
}

void run(const MpiSession& mpi, const Settings& settings) {
  const std::string places = divide_cores(mpi);
  at::set_num_threads(cores_of_rank(mpi.local_size()));
  prepare_cpu();
  const auto ranks = mpi.size() > 1 ? mpi_process_group() : single_process();
  Config config;
  const std::int64_t batch = std::stoll(settings.at("batch")), side = std::stoll(settings.at("side"));
  config.model.name = settings.at("model");
  config.train_dataset.batch_size = batch * mpi.size();
  config.optimizer = {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-5};
  config.bf16_gradient_exchange = settings.at("bf16") == "true";

  std::vector<Variant> variants;
  std::istringstream sizes(settings.at("sizes"));
  for (std::string size; std::getline(sizes, size, ',');) {
    config.gradient_bucket_bytes = static_cast<std::int64_t>(std::stod(size));
    variants.push_back({config.gradient_bucket_bytes,
                        build_run(config, *ranks, at::kCPU, at::kFloat, 1000 * config.train_dataset.batch_size)});
  }
  at::Generator random = at::detail::createCPUGenerator(static_cast<std::uint64_t>(mpi.rank()) + 1);
  const Batch data{.images = at::randn({batch, side, side, 3}, random).permute({0, 3, 1, 2}),
                   .labels = at::randint(config.model.num_classes, {batch}, random, at::kLong)};
  const int rounds = kWarmUp + std::stoi(settings.at("rounds"));
  for (int round = 0; round < rounds; ++round)
    for (Variant& v : variants) make_step(v, data);
  if (mpi.rank() != 0) return;

  std::cout << settings.at("model") << ", " << side << " px, batch " << batch << " a rank, " << mpi.size() << " ranks ("
            << places << "), " << (config.bf16_gradient_exchange ? "bfloat16" : "float32") << ", medians of "
            << rounds - kWarmUp
            << " rounds\n\n| bucket, MB | step, s | exposed, ms | exchange, ms | share |\n|---|---|---|---|---|\n";
  for (Variant& v : variants) {
    std::vector<double> shares;
    for (std::size_t i = kWarmUp; i < v.step.size(); ++i) shares.push_back(v.share(i));
    for (auto* list : {&v.step, &v.exposed, &v.busy}) list->erase(list->begin(), list->begin() + kWarmUp);
    std::printf("| %.3g | %.3f | %.1f | %.1f | %.0f %% |\n", static_cast<double>(v.bucket_bytes) / 1e6, median(v.step),
                1e3 * median(v.exposed), 1e3 * median(v.busy), 1e2 * median(shares));
  }
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  mosaic::MpiSession mpi(argc, argv);
  try {
    mosaic::run(mpi, mosaic::read_settings(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "exchange_bench: " << e.what() << '\n';
    mpi.abort(1);
  }
}
