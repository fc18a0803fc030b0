#pragma once

#include <string>

#include "train/train.h"

namespace mosaic {

/// Collective: whether summary.json in `log_folder`, as rank 0 sees it, tells of a run that has come to its end at `now`.
bool summary_says_done(const std::string& log_folder, const Progress& now);

/// summary.json of a run that has come to its end. Collective: memory and waiting times are gathered from all ranks.
/// Where log_folder has a plan.json (`--plan --out`), its predictions stand beside what came out, under "plan" (plan/outcome.h).
/// @param exit_reason  "done", "evaluated", "stopped"
std::string summary_json(Run& run, const TrainResult& result, const std::string& exit_reason);

}  // namespace mosaic
