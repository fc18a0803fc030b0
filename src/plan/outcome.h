#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mosaic {

/// What a run has taken, of all its starts together. Seconds.
struct Outcome {
  int ranks = 1;
  std::int64_t batches = 0;
  double train = 0, eval = 0;
  std::optional<double> total = {};  // from its only start to its end; none: it had several
  double rank_memory_bytes = 0;
};

/// plan.json of a log folder beside what came out: {"train": {"predicted", "low", "high", "found", "error", "inside"}, ...} for training,
/// evaluation, both together, all of the run, and memory; `error` is found / predicted - 1.
/// @param plan_json  what plan_json() has written
/// @return an object as JSON; of a plan for other ranks or another number of batches, or a file that is no plan: {"not_compared":
/// sentence}
std::string compare_with_plan(const std::string& plan_json, const Outcome& outcome);

}  // namespace mosaic
