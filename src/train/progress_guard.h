#pragma once

#include <string>

#include "base/progress.h"

namespace mosaic {

/// A job that is started again and again and never trains a step must not do so for ever. Counts the starts at the same place of a run in
/// LOG_FOLDER/starts.json. Call on rank 0 before training, where the batch system restarts jobs by itself (`autoresume`).
/// @throws Error (kExitBadInput, which is not requeued) at the fourth start in a row after the same batch
void count_start(const std::string& log_folder, const Progress& now);

}  // namespace mosaic
