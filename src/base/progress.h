#pragma once

#include <cstdint>

namespace mosaic {

/// Where a run stands: what has been done, counted from 0. Samples are counted over all ranks.
struct Progress {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;  // optimizer steps since the start of the run
  std::int64_t sample = 0;
  std::int64_t batch_in_epoch = 0;
  std::int64_t sample_in_epoch = 0;

  bool operator==(const Progress&) const = default;
};

}  // namespace mosaic
