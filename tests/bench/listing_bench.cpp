// How long `preprocess pack` looks at a source before it packs: one line of JSON with seconds, and the most memory that it took.
//
//     listing_bench SOURCE SPLIT [--classes FILE] [--threads N]

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "preprocess/source_groups.h"
#include "preprocess/split_source.h"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) try {
  mosaic::SourceOptions options;
  std::string split;
  int threads = 2;
  CLI::App app;
  app.add_option("SOURCE", options.source)->required();
  app.add_option("SPLIT", split)->required();
  app.add_option("--classes", options.classes);
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);

  auto start = std::chrono::steady_clock::now();
  const mosaic::SourceList list = mosaic::list_split(options, split, "", threads);
  const double listed = seconds_since(start);
  start = std::chrono::steady_clock::now();
  const std::size_t groups = mosaic::cut_into_groups(list, 1 << 30, {}).size();
  const std::string text = to_text(list);  // for the other processes
  const double written = seconds_since(start);
  start = std::chrono::steady_clock::now();
  const std::size_t back = mosaic::source_list_of(text).files.size();
  const double read = seconds_since(start);

  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf(
      "{\"images\": %zu, \"containers\": %zu, \"groups\": %zu, \"list_s\": %.2f, \"to_text_s\": %.2f, \"from_text_s\": "
      "%.2f, "
      "\"text_mb\": %.0f, \"peak_mb\": %.0f}\n",
      back, list.containers.size(), groups, listed, written, read, static_cast<double>(text.size()) / 1e6,
      static_cast<double>(used.ru_maxrss) / 1e3);
} catch (const std::exception& e) {
  std::fprintf(stderr, "listing_bench: %s\n", e.what());
  return 1;
}
