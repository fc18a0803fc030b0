#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "report/curve.h"

namespace mosaic {

/// Of classes.json: what the last evaluation says of the classes.
struct RecordedClasses {
  struct Class {
    std::string name;
    std::int64_t images = 0, correct = 0;
  };
  struct Confusion {
    std::string name, taken_for;
    std::int64_t images = 0;
  };
  std::int64_t epoch = 0, batch = 0;
  std::vector<Class> classes;         // in the order of the labels
  std::vector<Confusion> confusions;  // the most frequent first
  std::string picture;                // confused.png, a file's bytes; "" if there is none
};

/// What a run has left in its log folder, read for the report.
struct RunRecord {
  std::string name, folder, config;                          // config.yaml
  std::map<std::string, Curve> curves;                       // by their keys in metrics.jsonl
  std::vector<std::pair<std::string, double>> step_seconds;  // of summary.json: parts of a step, means
  std::vector<std::pair<std::string, std::vector<double>>>
      of_ranks;                           // of ranks.jsonl: means over the run, of each rank
  std::map<std::string, double> summary;  // all numbers of summary.json, "seconds.train" for nested ones
  RecordedClasses classes;
  std::string exit_reason;  // "" while it runs
  int starts = 1;

  bool has(const std::string& key) const { return curves.count(key) > 0; }
};

/// @throws Error naming the file that is missing or damaged
RunRecord read_run(const std::string& folder);

}  // namespace mosaic
