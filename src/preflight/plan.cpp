#include "preflight/plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "device/gpu.h"
#include "plan/run_shape.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

constexpr double kTrainSeconds = 5;
constexpr int kWarmUp = 2;
constexpr double kMostSteps = 20;
constexpr std::int64_t kImagesOnCpu = 16;
constexpr double kEvaluationCost = 1.0 / 3;  // forward, of forward and backward

/// "4.1 h", "12 min"
std::string duration_text(double seconds) {
  return seconds >= 5400 ? decimals(seconds / 3600, 1) + " h" : decimals(std::ceil(seconds / 60), 0) + " min";
}

}  // namespace

std::optional<TrainRate> measure_training(const MpiSession& mpi, Run& run, const ReadRate& reading, Table& table) {
  const bool on_gpu = run.net.device().is_cuda();
  Batch batch;
  double seconds = 0, very_first = 0, loss = 0;
  const auto train = [&](int steps) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) loss = train_step(run, batch).loss;
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const bool passed = table.passes("training step", [&] {
    batch = to_device(reading.batch, run.net.device(), run.net.type(), run.net.layout());
    if (const std::int64_t n = batch.images.size(0); !on_gpu && n > kImagesOnCpu)
      batch = {batch.images.narrow(0, 0, kImagesOnCpu), batch.labels.narrow(0, 0, kImagesOnCpu)};
    train(1);
    very_first = seconds;
    train(kWarmUp);
  });
  if (!passed) return std::nullopt;
  // Each rank trains as many steps as rank 0 has time for.
  const double first = std::stod(gather_texts(mosaic::str(seconds / kWarmUp))[0]);
  const int steps = static_cast<int>(std::clamp(kTrainSeconds / first, 1.0, kMostSteps));
  if (!table.passes("training step", [&] { train(steps); })) return std::nullopt;

  const double images = static_cast<double>(batch.images.size(0) * mpi.size() * steps);
  const double computed = images / seconds, rate = std::min(computed, reading.images_per_second);
  Row row{.name = "training step",
          .found = mosaic::str(batch.images.size(0) * mpi.size(), " images in ", decimals(seconds / steps, 3), " s, ",
                               with_separators(std::llround(computed)), " images/s")};
  for (const auto& [name, gigabytes] :
       on_gpu ? gpu_memory_metrics(run.net.device().index()) : std::vector<std::pair<std::string, double>>())
    if (name == "memory/reserved_mem")
      row.found += mosaic::str("; ", decimals(gigabytes, 1), " of ",
                               decimals(static_cast<double>(gpu_memory(run.net.device().index())) / 1e9, 1),
                               " GB of GPU memory");
  if (!std::isfinite(loss)) {
    row.verdict = Verdict::kBad;
    row.found += mosaic::str("; loss ", loss);
    row.expected = "a finite loss";
  } else if (reading.images_per_second < computed) {
    row.verdict = Verdict::kWarning;
    row.found += mosaic::str("; reading is slower");
    row.expected =
        "images to be read as fast as they are trained on: more cores per rank, shards on faster or node-local disks";
  }
  table.add(row);
  return TrainRate{.images_per_second = rate, .first_step_seconds = std::max(very_first - seconds / steps, 0.0)};
}

Row time_row(const Run& run, std::int64_t eval_images, double images_per_second, std::optional<double> seconds_left) {
  const double train = static_cast<double>(run.total_batches * run.config.train_dataset.batch_size);
  const std::int64_t evaluations = evaluations_of(run.config, run.batches_per_epoch, run.total_batches);
  const double images = train + kEvaluationCost * static_cast<double>(evaluations * eval_images);
  const double needed = images / images_per_second;
  Row row{.name = "time",
          .found = mosaic::str(run.config.algorithms.progressive_resizing ? "at most about " : "about ",
                               duration_text(needed), " for ", run.config.max_duration.text())};
  if (!seconds_left) {
    row.found += "; no time limit is known";
    return row;
  }
  row.found += "; the job ends in " + duration_text(*seconds_left);
  if (needed <= *seconds_left) return row;
  const std::string jobs = mosaic::str("about ", std::ceil(needed / std::max(*seconds_left, 1.0)), " jobs like this");
  if (run.config.autoresume) {
    row.found += "; " + jobs + ", each going on where the last one saved";
  } else {
    row.verdict = Verdict::kWarning;
    row.expected = mosaic::str("a longer limit, or autoresume=true and ", jobs);
  }
  return row;
}

}  // namespace mosaic
