#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mosaic {

/// mosaic_resnet [--check [--calibration FILE]] CONFIG.yaml [key=value ...]
/// mosaic_resnet --show-batch OUT.png CONFIG.yaml [key=value ...]
struct RunCommand {
  std::string config_file;
  std::vector<std::string> overrides;  // key=value, not looked into yet
  bool check_only = false;
  std::string calibration;  // with check_only: the file for what is measured; empty: none
  std::string show_batch;   // the file for it; empty: train
};

/// mosaic_resnet --plan CONFIG.yaml --ranks N [--ranks-per-node M] [--calibration FILE] [--out FILE] [key=value ...]
struct PlanCommand {
  std::string config_file;
  std::vector<std::string> overrides;
  int ranks = 1;
  int ranks_per_node = 0;  // 0: as calibrated
  std::string calibration;
  std::string out;  // for the plan as JSON; empty: none
};

/// mosaic_resnet --report RUN [RUN...] [OUT.html]
struct ReportCommand {
  std::vector<std::string> log_folders;  // at least one
  std::string out;                       // report.html in the first of them, unless it was given
};

/// mosaic_resnet --export CHECKPOINT OUT.safetensors|OUT.pth [--raw]
struct ExportCommand {
  std::string checkpoint, out;
  bool raw = false;
};

using Command = std::variant<RunCommand, PlanCommand, ReportCommand, ExportCommand>;

/// nullopt after it has printed what was asked for: the help or the version.
/// @throws Error saying which argument, what was found and what is expected
std::optional<Command> parse_command_line(int argc, const char* const* argv);

}  // namespace mosaic
