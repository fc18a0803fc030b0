#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/version.h"

namespace mosaic {
namespace {

constexpr char kDescription[] =
    "Trains and evaluates a ResNet on ImageNet, or on any folder of images that preprocess has packed.\n";

constexpr char kUsage[] =
    "usage: mosaic_resnet [--check [--calibration FILE]] CONFIG.yaml [key=value ...]\n"
    "       mosaic_resnet --plan CONFIG.yaml --ranks N [--calibration FILE] [key=value ...]\n"
    "       mosaic_resnet --show-batch OUT.png CONFIG.yaml [key=value ...]\n"
    "       mosaic_resnet --report RUN [RUN...] [OUT.html]\n"
    "       mosaic_resnet --export CHECKPOINT OUT.safetensors|OUT.pth [--raw]";

constexpr char kFooter[] =
    "CONFIG.yaml says what to train; key=value (model.name=resnet18) overrides it. Under mpirun or srun each rank\n"
    "takes a part of every batch. README.md has all keys, and yamls/ has configurations to begin with.\n"
    "\n"
    "Exit status: 0 done; 3 wrong settings or data: starting again does not help; 85 stopped and saved: the same\n"
    "command with autoresume=true goes on; anything else is a crash.";

/// CLI11 itself would write "Usage: mosaic_resnet [OPTIONS] [words...]".
class Formatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override { return str(kUsage, "\n"); }
};

/// Arguments behind --report or --export are paths.
ReportCommand report_of(std::vector<std::string> paths) {
  ReportCommand report;
  if (!paths.empty() && paths.back().ends_with(".html")) {
    report.out = paths.back();
    paths.pop_back();
  }
  if (paths.empty()) throw Error(str("--report: got no run, expected the log folder of at least one\n", kUsage));
  if (report.out.empty()) report.out = paths[0] + "/report.html";
  report.log_folders = std::move(paths);
  return report;
}

/// What --plan takes beside the words.
struct PlanOptions {
  int ranks = 0, ranks_per_node = 0;
  std::string calibration, out;
};

void add_plan_options(CLI::App& app, PlanOptions& plan) {
  app.add_option("--ranks", plan.ranks, "with --plan: ranks of the run")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--ranks-per-node", plan.ranks_per_node, "with --plan: if other than calibrated")
      ->type_name("M")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option(
         "--calibration", plan.calibration,
         "with --check: add what it measures to FILE; with --plan: predict from FILE (default: calibration.json)")
      ->type_name("FILE");
  app.add_option("--out", plan.out,
                 "with --plan: write it as JSON, too; a run compares itself with plan.json in its log folder")
      ->type_name("FILE");
}

PlanCommand plan_of(const std::vector<std::string>& words, const PlanOptions& plan) {
  if (plan.ranks == 0) throw Error(str("--plan: expected --ranks N, the ranks of the run\n", kUsage));
  return {.config_file = words[0],
          .overrides = {words.begin() + 1, words.end()},
          .ranks = plan.ranks,
          .ranks_per_node = plan.ranks_per_node,
          .calibration = plan.calibration.empty() ? "calibration.json" : plan.calibration,
          .out = plan.out};
}

ExportCommand export_of(const std::vector<std::string>& paths, bool raw) {
  if (paths.size() != 2) throw Error(str("--export: got ", paths.size(), " paths, expected two\n", kUsage));
  return {paths[0], paths[1], raw};
}

}  // namespace

std::optional<Command> parse_command_line(int argc, const char* const* argv) {
  CLI::App app(kDescription, "mosaic_resnet");
  app.formatter(std::make_shared<Formatter>());
  app.footer(kFooter);
  bool check = false, plan = false, report = false, to_file = false, raw = false;
  std::vector<std::string> words;
  app.add_flag("--check", check,
               "look whether this run can start here: settings, ranks, data, disk, network, time; one table");
  app.add_flag("--plan", plan, "predict from a calibration what this run will take: time, memory, jobs, node-hours");
  PlanOptions plan_options;
  add_plan_options(app, plan_options);
  std::string show_batch;
  app.add_option("--show-batch", show_batch,
                 "write the next batch as the net will see it, cropped, augmented, mixed, to a PNG file; do not train")
      ->type_name("OUT.png");
  app.add_flag("--report", report, "write a page about a run, or several laid over each other, by their log folders");
  app.add_flag("--export", to_file,
               "write the weights of a checkpoint, or of the newest in a folder, for other programs: their average "
               "where there is one (EMA)");
  app.add_flag("--raw", raw, "with --export: the weights that were being trained, not their average");
  app.add_option("words", words)->group("");  // not in the list of options: the usage shows what they are
  app.set_version_flag("--version", str("mosaic_resnet ", version()), "print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    throw Error(str("command line: ", e.what(), "\n", kUsage));
  }

  const bool show = app.count("--show-batch") > 0;
  if (check + plan + show + report + to_file > 1)
    throw Error(str("command line: --check, --plan, --show-batch, --report and --export exclude each other\n", kUsage));
  if (show && !show_batch.ends_with(".png"))
    throw Error(str("--show-batch: got '", show_batch, "', expected a file name that ends with .png\n", kUsage));
  if (raw && !to_file) throw Error(str("command line: --raw without --export\n", kUsage));
  if (!plan_options.calibration.empty() && !check && !plan)
    throw Error(str("command line: --calibration without --check or --plan\n", kUsage));
  if ((plan_options.ranks > 0 || plan_options.ranks_per_node > 0 || !plan_options.out.empty()) && !plan)
    throw Error(str("command line: --ranks, --ranks-per-node and --out go with --plan\n", kUsage));
  if (report) return report_of(std::move(words));
  if (to_file) return export_of(words, raw);
  if (words.empty()) throw Error(str("no configuration given\n", kUsage));
  if (plan) return plan_of(words, plan_options);
  return RunCommand{.config_file = words[0],
                    .overrides = {words.begin() + 1, words.end()},
                    .check_only = check,
                    .calibration = plan_options.calibration,
                    .show_batch = show_batch};
}

}  // namespace mosaic
