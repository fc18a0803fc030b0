#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <type_traits>

#include "app/command_line.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "base/version.h"
#include "comm/activity_board.h"
#include "comm/mpi_node_memory.h"
#include "comm/mpi_session.h"
#include "comm/node_cores.h"
#include "comm/watchdog.h"
#include "config/config.h"
#include "device/cpu_settings.h"
#include "device/gpu.h"
#include "device/memory_limit.h"
#include "plan/plan_text.h"
#include "plan/prediction.h"
#include "preflight/preflight.h"
#include "report/html_report.h"
#include "train/checkpoint.h"
#include "train/checkpoint_files.h"
#include "train/data.h"
#include "train/open_ranks.h"
#include "train/pretrained.h"
#include "train/progress_guard.h"
#include "train/show_batch.h"
#include "train/summary.h"
#include "train/train.h"

namespace mosaic {
namespace {

std::string generated_run_name() {
  const std::time_t now = std::time(nullptr);
  char text[64];
  std::strftime(text, sizeof text, "run-%Y%m%d-%H%M%S", std::localtime(&now));
  return text;
}

/// Every check that needs neither data nor devices.
Config read_config(const RunCommand& command, const MpiSession& mpi) {
  const std::string run_name = gather_texts(generated_run_name())[0];  // the same on all ranks
  Config config;
  agree([&] {
    config = load_config(command.config_file, command.overrides, run_name);
    check_batch_sizes(config, mpi.size());
  });
  return config;
}

void log_header(const MpiSession& mpi, const Run& run, const Data& data, int cores) {
  const bool gpu = run.net.device().is_cuda();
  log_info(str("mosaic_resnet ", version(), ": ", run.config.model.name, " on ", mpi.size(),
               mpi.size() == 1 ? " rank, " : " ranks, ", mpi.nodes(), mpi.nodes() == 1 ? " node, " : " nodes, ",
               gpu ? gpu_name(run.net.device().index()) : "CPU", ", ", cores, cores == 1 ? " core" : " cores",
               " per rank"));
  log_info(str("training: ", data.train_shards->size(), " images, ", run.batches_per_epoch, " batches of ",
               run.config.train_dataset.batch_size, " an epoch; evaluation: ", data.eval_shards->size(), " images; ",
               data.train_shards->class_names().size(), " classes"));
  log_info("configuration:\n" + run.config.yaml);
  for (const auto& sentence : run.config.overridden) log_info(sentence);
}

/// What to load at the start: with `autoresume` what an earlier start of the run has saved, if rank 0 sees any.
std::optional<std::string> start_from(const Config& config) {
  const bool resume = config.autoresume && holds_checkpoints(config.save_folder);
  return gather_texts(resume ? "resume" : "")[0].empty() ? config.load_path : config.save_folder;
}

void catch_signals_of(const Config& config) {
  std::vector<int> signals;
  for (const std::string& name : config.stop_signals) signals.push_back(signal_number(name));
  catch_stop_signals(signals);
}

/// Once nothing is left to do but to leave, with a code that is the same on all ranks. Launchers end the others by SIGTERM as soon as one
/// has left with another code than 0: so none leaves before all have come here, and from here on that signal changes no rank's code.
void come_together(const MpiSession& mpi) {
  catch_stop_signals(std::array{SIGTERM});
  mpi.barrier();
}

/// Lets the watchdog abort the group of the ranks, for as long as that is there.
class AbortWithGroup {
 public:
  AbortWithGroup(Watchdog& watchdog, ProcessGroup& group) : watchdog_(watchdog) {
    watchdog.set_before_abort([&group] { group.abort(); });
  }
  ~AbortWithGroup() { watchdog_.set_before_abort({}); }
  AbortWithGroup(const AbortWithGroup&) = delete;
  AbortWithGroup& operator=(const AbortWithGroup&) = delete;

 private:
  Watchdog& watchdog_;
};

/// What counts as a hang.
/// @param missing  bytes of shards that are still to be fetched: the first step waits for nearly all of them, later ones for those that are under
///                 way at once
HangLimits hang_limits(const Config& config, double missing) {
  constexpr double kSlowestFetch = 20e6, kUnderWay = 8e9;  // bytes a second that still count as alive; bytes
  if (config.hang_limit == 0) return {.floor = 0, .first = config.hang_limit_first};
  return {.floor = config.hang_limit + std::min(missing, kUnderWay) / kSlowestFetch,
          .first = config.hang_limit_first + missing / kSlowestFetch};
}

/// Of the node that lacks most. Collective.
double missing_bytes(const Data& data) {
  double missing = 0;
  for (const auto& text : gather_texts(str(data.missing_bytes()))) missing = std::max(missing, std::stod(text));
  return missing;
}

ExitCode run(const MpiSession& mpi, Watchdog& watchdog, const RunCommand& command) {
  Config config = read_config(command, mpi);
  start_log(mpi.rank(), mpi.size(), config.python_log_level);
  const ActivityBoard board(mpi);
  watchdog.watch(board, mpi.rank(), hang_limits(config, 0), config.log_folder);
  if (command.check_only) {
    preflight(mpi, config, command.calibration);
    return kExitDone;
  }
  const std::string places = divide_cores(mpi);
  const int cores = cores_of_rank(mpi.local_size());
  log_info(str("processors of the ranks: ", places, "; ", cores, cores == 1 ? " thread" : " threads",
               " of each to compute, as many to load", mpi.size() > 1 ? ", one to exchange gradients" : ""));
  at::set_num_threads(cores);

  const Ranks ranks = open_ranks(mpi, config);
  const AbortWithGroup abort_with_group(watchdog, *ranks.group);
  if (ranks.device.is_cpu()) prepare_cpu();
  if (ranks.device.is_cpu() && config.auto_microbatch_size) count_tensor_memory();
  std::unique_ptr<Data> data;
  std::unique_ptr<Run> run;
  std::unique_ptr<RunLog> log;
  const auto memory = mpi_node_memory();
  agree([&] {
    data = open_data(config, mpi.size(), cores, *memory);
    run = build_run(config, *ranks.group, ranks.device, at::kFloat, data->train_shards->size());
    run->processes_on_node = mpi.local_size();
  });
  watchdog.watch(board, mpi.rank(), hang_limits(config, missing_bytes(*data)), config.log_folder);
  if (const auto path = start_from(config)) {
    load_checkpoint(*path, *run, data->train_shards->fingerprint());
  } else if (config.init_from) {
    agree([&] { log_info(load_pretrained(*config.init_from, run->net)); });
  }
  if (!command.show_batch.empty()) {
    agree([&] {
      if (mpi.rank() == 0) log_info(show_batch(*run, *data, command.show_batch));
    });
    come_together(mpi);
    return kExitDone;
  }
  if (config.autoresume && config.is_train && is_over(*run) && summary_says_done(config.log_folder, run->now)) {
    log_info(str("nothing to do: ", config.save_folder, " holds the end of the run"));
    return kExitDone;
  }
  agree([&] {
    if (run->config.seed != config.seed) data = open_data(run->config, mpi.size(), cores, *memory);
    check_start(*run);
    if (mpi.rank() != 0) return;
    if (config.autoresume && config.is_train) count_start(config.log_folder, run->now);
    log = std::make_unique<RunLog>(config.log_folder, config.yaml, run->now.batch);
  });
  if (config.is_train) catch_signals_of(config);
  log_header(mpi, *run, *data, cores);

  const TrainResult result = train(*run, *data, log.get(), board.hosts());
  const char* reason = result.stopped ? "stopped" : config.is_train ? "done" : "evaluated";
  const std::string summary = summary_json(*run, result, reason);
  if (log) {
    log->write_summary(summary);
    log->finish_report();
  }
  if (result.stopped) log_info(str("saved and stopped: the same command with autoresume=true goes on"));
  log_info(str(result.stopped ? "stopped: " : "done: ", config.log_folder));
  come_together(mpi);
  return result.stopped ? kExitSaved : kExitDone;
}

/// What needs neither ranks nor a configuration. Returns a sentence that says what it has done.
std::string run_tool(const ReportCommand& report) {
  write_file_atomically(report.out, html_report(report.log_folders));
  return "report: " + report.out;
}

std::string run_tool(const ExportCommand& to_file) {
  return export_weights(to_file.checkpoint, to_file.out, !to_file.raw);
}

std::string run_tool(const PlanCommand& plan) {
  const Config config = load_config(plan.config_file, plan.overrides, generated_run_name());
  const Prediction prediction = predict(config, read_calibrations(plan.calibration), plan.ranks, plan.ranks_per_node);
  if (!plan.out.empty()) {
    // The log folder of a run that is only planned is not there yet; where it cannot be made, the file's own error says so.
    std::error_code none;
    std::filesystem::create_directories(std::filesystem::absolute(plan.out).parent_path(), none);
    write_file_atomically(plan.out, plan_json(prediction));
  }
  return plan_text(prediction);
}

template <class Tool>
int run_alone(const Tool& tool) {
  try {
    std::cout << run_tool(tool) << std::endl;
    return kExitDone;
  } catch (const Error& e) {
    std::cerr << "mosaic_resnet: " << e.what() << std::endl;
    return e.exit_code();
  }
}

/// nullopt for what is no tool.
template <class Asked>
std::optional<int> run_if_tool(const Asked& asked) {
  if constexpr (std::is_same_v<Asked, RunCommand>)
    return std::nullopt;
  else
    return run_alone(asked);
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  using namespace mosaic;
  std::optional<Command> command;
  std::optional<Error> refused;
  try {
    command = parse_command_line(argc, argv);
    if (!command) return kExitDone;  // it was asked for help, and gave it
  } catch (const Error& e) {
    refused = e;  // said once, not by each rank
  }
  if (command)
    if (const auto code = std::visit([](const auto& asked) { return run_if_tool(asked); }, *command)) return *code;
  Watchdog watchdog;  // before all that can hang
  MpiSession mpi(argc, argv);
  start_log(mpi.rank(), mpi.size());
  try {
    agree([&] {
      if (refused) throw *refused;
    });
    return run(mpi, watchdog, std::get<RunCommand>(*command));
  } catch (const AgreedError& e) {
    if (mpi.rank() == 0) std::cerr << "mosaic_resnet: " << e.what() << std::endl;
    come_together(mpi);
    return e.exit_code();
  } catch (const std::exception& e) {
    const auto* error = dynamic_cast<const Error*>(&e);
    const int exit_code = error ? error->exit_code() : kExitCrash;
    if (mpi.size() == 1) {
      std::cerr << "mosaic_resnet: " << e.what() << std::endl;
      return exit_code;
    }
    std::cerr << "rank " << mpi.rank() << " of " << mpi.size() << ": " << e.what() << std::endl;
    mpi.abort(exit_code);  // MPI_Finalize would wait for ranks that wait for this one
  }
}
