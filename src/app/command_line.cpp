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
    "usage: mosaic_resnet [--check] CONFIG.yaml [key=value ...]\n"
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

ExportCommand export_of(const std::vector<std::string>& paths, bool raw) {
  if (paths.size() != 2) throw Error(str("--export: got ", paths.size(), " paths, expected two\n", kUsage));
  return {paths[0], paths[1], raw};
}

}  // namespace

std::optional<Command> parse_command_line(int argc, const char* const* argv) {
  CLI::App app(kDescription, "mosaic_resnet");
  app.formatter(std::make_shared<Formatter>());
  app.footer(kFooter);
  bool check = false, report = false, to_file = false, raw = false;
  std::vector<std::string> words;
  app.add_flag("--check", check,
               "look whether this run can start here: settings, ranks, data, disk, network, time; one table");
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
  if (check + show + report + to_file > 1)
    throw Error(str("command line: --check, --show-batch, --report and --export exclude each other\n", kUsage));
  if (show && !show_batch.ends_with(".png"))
    throw Error(str("--show-batch: got '", show_batch, "', expected a file name that ends with .png\n", kUsage));
  if (raw && !to_file) throw Error(str("command line: --raw without --export\n", kUsage));
  if (report) return report_of(std::move(words));
  if (to_file) return export_of(words, raw);
  if (words.empty()) throw Error(str("no configuration given\n", kUsage));
  return RunCommand{words[0], {words.begin() + 1, words.end()}, check, show_batch};
}

}  // namespace mosaic
