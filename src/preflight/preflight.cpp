#include "preflight/preflight.h"

#include <ATen/Parallel.h>

#include <ctime>

#include "base/cpu.h"
#include "preflight/all_reduce.h"
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

}  // namespace

void preflight(const MpiSession& mpi, const Config& config) {
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
    ranks = check_devices(mpi, config, table);
  }
  std::unique_ptr<Data> data;
  {
    const TimeLimit seconds = limit(mpi, "shards");
    data = check_shards(mpi, config, cores, table);
    if (data) check_checksums(mpi, *data, table);
  }
  if (!ranks) return table.finish();
  {
    const TimeLimit seconds = limit(mpi, "all-reduce");
    check_all_reduce(mpi, *ranks, table);
  }
  std::unique_ptr<Run> run;
  {
    const TimeLimit seconds = limit(mpi, "save_folder");
    // Without data the model can be built all the same.
    const std::int64_t images = data ? data->train_shards->size() : config.train_dataset.batch_size;
    if (table.passes("model", [&] { run = build_run(config, *ranks->group, ranks->device, at::kFloat, images); }))
      check_folders(mpi, *run, table);
  }
  if (!run || !data) return table.finish();
  const TimeLimit seconds = limit(mpi, "reading and training");
  const ReadRate reading = measure_reading(mpi, config, *data, table);
  if (!reading.batch) return table.finish();
  if (const auto rate = measure_training(mpi, *run, reading, table)) {
    auto left = slurm_job_end();
    if (left) *left -= static_cast<double>(std::time(nullptr));
    table.add(time_row(*run, data->eval_shards->size(), *rate, left));
  }
  table.finish();
}

}  // namespace mosaic
