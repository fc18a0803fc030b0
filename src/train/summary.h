#pragma once

#include <string>

#include "train/train.h"

namespace mosaic {

/// summary.json of a run that has come to its end. Collective: memory and waiting times are gathered from all ranks.
/// @param exit_reason  "done", "evaluated"
std::string summary_json(Run& run, const TrainResult& result, const std::string& exit_reason);

}  // namespace mosaic
