#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace mosaic {

/// What a run is asked to do after the step that it is in, or on a GPU the next one.
struct Requests {
  bool save = false;
  bool stop = false;  // save, and end with kExitSaved
};

/// Everything that can ask a run to save or to stop: signals to this rank; and on rank 0, which looks about once a second, files that
/// somebody puts into the log folder, `stop` and `save`, which are removed when they are seen, and the end of the job's time.
class StopRequests {
 public:
  /// @param log_folder  "" on ranks that do not look for files and at the time
  /// @param job_end     seconds since 1970 at which the batch system will kill the job; none if it does not tell
  /// @param margin      seconds before that at which the run stops: enough for a step and a checkpoint
  StopRequests(std::string log_folder, std::optional<double> job_end, double margin);

  /// What this rank knows; the ranks must agree before they act. A request to stop stays.
  Requests poll();

  /// Why this rank asked to stop: "SIGTERM"; "" if it did not.
  const std::string& reason() const { return reason_; }

 private:
  bool take_file(const char* name) const;

  std::string log_folder_;
  std::optional<double> job_end_;
  double margin_;
  std::string reason_;
  std::chrono::steady_clock::time_point next_look_ = {};
};

/// When Slurm will end this job (SLURM_JOB_END_TIME, of Slurm 22.05 and later), in seconds since 1970.
std::optional<double> slurm_job_end();

/// The earlier one of what Slurm says and `time_limit` seconds after the process has started.
std::optional<double> job_end(std::optional<double> time_limit);

}  // namespace mosaic
