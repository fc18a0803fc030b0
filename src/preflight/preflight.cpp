#include "preflight/preflight.h"

#include <ATen/Parallel.h>
#include <malloc.h>

#include <chrono>
#include <ctime>

#include "base/cpu.h"
#include "base/process.h"
#include "comm/node_cores.h"
#include "device/cpu_settings.h"
#include "device/memory_limit.h"
#include "preflight/all_reduce.h"
#include "preflight/calibrate.h"
#include "preflight/data.h"
#include "preflight/launch.h"
#include "preflight/plan.h"
#include "preflight/storage.h"
#include "preflight/time_limit.h"
#include "train/stop_requests.h"

namespace mosaic {
namespace {

constexpr int kMostSeconds = 300;  // for one check

TimeLimit limit(const MpiSession& mpi, const std::string& check) {
  return TimeLimit(kMostSeconds, str("rank ", mpi.rank(), " of ", mpi.size(), ": --check: ", check,
                                     ": a rank, a disk or the network does not answer"));
}

/// Seconds of `action`.
template <class Action>
double timed(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_calibration(const MpiSession& mpi, const Config& config, const std::optional<Calibration>& calibration,
                       const std::string& path, Table& table) {
  if (!calibration) return;
  const auto write = [&] {
    if (mpi.rank() == 0) add_calibration(path, *calibration, config);
  };
  if (table.passes("calibration file", write)) table.add({.name = "calibration file", .found = path + ": written"});
}

}  // namespace

void preflight(const MpiSession& mpi, const Config& config, const std::string& calibration) {
  BeforeCalibration before{.start_seconds = process_age()};
  Table table(mpi.rank() == 0);
  const int cores = cores_of_rank(mpi.local_size());
  at::set_num_threads(cores);

  table.add({.name = "configuration",
             .found = str("run_name ", config.run_name, ", ", config.model.name, ", ", config.max_duration.text())});
  std::optional<Ranks> ranks;
  {
    const TimeLimit seconds = limit(mpi, "ranks");
    check_ranks(mpi, table);
    check_cores(mpi, table);
    before.start_seconds += timed([&] { ranks = check_devices(mpi, config, table); });
  }
  divide_cores(mpi);  // as a run does, once it is known what the launcher did
  if (ranks && ranks->device.is_cpu()) prepare_cpu();
  if (ranks && ranks->device.is_cpu() && config.auto_microbatch_size) count_tensor_memory();
  std::unique_ptr<Data> data;
  {
    const TimeLimit seconds = limit(mpi, "shards");
    before.start_seconds += timed([&] { data = check_shards(mpi, config, cores, table); });
    if (data) check_checksums(mpi, *data, table);
  }
  if (!ranks) return table.finish();
  {
    const TimeLimit seconds = limit(mpi, "all-reduce");
    check_all_reduce(mpi, *ranks, table);
#if defined(__GLIBC__)
    ::malloc_trim(0);  // of its buffer, which a run has not
#endif
  }
  std::unique_ptr<Run> run;
  {
    const TimeLimit seconds = limit(mpi, "save_folder");
    // Without data the model can be built all the same.
    const std::int64_t images = data ? data->train_shards->size() : config.train_dataset.batch_size;
    const auto build = [&] {
      run = build_run(config, *ranks->group, ranks->device, at::kFloat, images);
      run->processes_on_node = mpi.local_size();
    };
    bool built = false;
    before.start_seconds += timed([&] { built = table.passes("model", build); });
    before.memory = static_cast<double>(resident_bytes());
    if (built) before.checkpoint_seconds = check_folders(mpi, *run, table);
  }
  if (!run || !data) return table.finish();
  {
    const TimeLimit seconds = limit(mpi, "reading and training");
    const ReadRate reading = measure_reading(mpi, config, *data, table);
    if (!reading.batch) return table.finish();
    const auto rate = measure_training(mpi, *run, reading, table);
    if (!rate) return table.finish();
    before.first_step_seconds = rate->first_step_seconds;
    auto left = slurm_job_end();
    if (left) *left -= static_cast<double>(std::time(nullptr));
    table.add(time_row(*run, data->eval_shards->size(), rate->images_per_second, left));
  }
  // Before it is measured what is to stand in it.
  const auto read_file_there = [&] {
    if (mpi.rank() == 0 && std::filesystem::exists(calibration)) read_calibrations(calibration);
  };
  if (!calibration.empty() && table.passes("calibration file", read_file_there)) {
    const TimeLimit more_seconds = limit(mpi, "calibration");
    write_calibration(mpi, config, calibrate(mpi, *ranks, *run, *data, cores, before, table), calibration, table);
  }
  table.finish();
}

}  // namespace mosaic
