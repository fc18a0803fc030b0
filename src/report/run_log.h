#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mosaic {

/// What a run leaves in its log folder: config.yaml, metrics.jsonl, ranks.jsonl, classes.json, confused.png, summary.json, report.html,
/// tensorboard/. Only rank 0 has one.
/// Once it is open, nothing that happens to its disk ends the run: there is a warning, and lines are kept and written later.

/// Metrics in the order in which they are written, under the names of recipes section 7.7: "loss/train/total".
using Metrics = std::vector<std::pair<std::string, double>>;

class RunLog {
 public:
  /// Makes the folder if need be and writes `config_yaml` to it. metrics.jsonl, ranks.jsonl and tensorboard/ of an earlier run in the same folder
  /// are kept: a run that continues after `first_batch` batches goes on with them, after removing what lies beyond that batch (of tensorboard/:
  /// having its readers forget it); one that starts at 0 renames them to metrics-1.jsonl, -2, ...
  /// @throws Error naming the path and the system's reason
  RunLog(std::string folder, const std::string& config_yaml, std::int64_t first_batch);
  ~RunLog();

  /// One line: {"batch": ..., "time": seconds since 1970, NAME: VALUE, ...}. Values that are not finite are written as null. TensorBoard
  /// gets the same, with the batch as its step.
  void write(std::int64_t batch, const Metrics& metrics);

  /// A picture for TensorBoard. @param png  a whole file
  void write_picture(std::int64_t batch, const std::string& name, const std::string& png);

  /// One line of ranks.jsonl: numbers of each rank, in their order: {"batch": ..., "time": ..., NAME: [rank 0's, rank 1's, ...], ...}.
  void write_ranks(std::int64_t batch, const std::vector<std::pair<std::string, std::vector<double>>>& numbers);

  /// summary.json, replaced as a whole. @param json  an object
  void write_summary(const std::string& json);

  /// Another file of the folder, replaced as a whole.
  void replace(const std::string& file_name, const std::string& contents);

  /// report.html (html_report.h), made by a thread of its own from what the folder holds; nothing happens while an earlier one is being made.
  void start_report();
  /// The same, and whole when it returns.
  void finish_report();

  const std::string& folder() const { return folder_; }

 private:
  struct State;
  std::string folder_;
  std::unique_ptr<State> state_;
};

}  // namespace mosaic
