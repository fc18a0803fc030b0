#include <cstdio>
#include <variant>

#include "base/error.h"
#include "preprocess/command_line.h"

namespace mosaic {
namespace {

int run(int argc, char** argv) {
  const auto command = parse_command_line(argc, argv);
  if (!command) return kExitDone;  // it was asked for help, and gave it
  struct {
    int operator()(const PackOptions& options) const { return pack(options); }
    int operator()(const InfoOptions& options) const { return info(options); }
    int operator()(const VerifyOptions& options) const { return verify(options); }
    int operator()(const ExportOptions& options) const { return export_files(options); }
    int operator()(const ShowOptions& options) const { return show(options); }
    int operator()(const BenchOptions& options) const { return bench(options); }
  } carry_out;
  return std::visit(carry_out, *command);
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  try {
    return mosaic::run(argc, argv);
  } catch (const mosaic::Error& e) {
    std::fprintf(stderr, "preprocess: %s\n", e.what());
    return e.exit_code();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "preprocess: %s\n", e.what());
    return mosaic::kExitCrash;
  }
}
