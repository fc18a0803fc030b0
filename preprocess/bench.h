#pragma once

#include <optional>
#include <string>

#include "base/stored_image.h"

namespace mosaic {

/// preprocess bench OUT
struct BenchOptions {
  std::string out;  // folder of the shards
  std::string split = "train";
  int side = 224;                  // of the crops in pixels
  int threads = 0;                 // 0: one for each core of the affinity mask
  double seconds = 10;             // to measure for, after the first epoch
  std::optional<StoredKind> kind;  // only images that are stored so
  bool half = false;               // decode: half
  bool cold = false;               // each epoch begins with nothing of the shards in the system's memory
};

/// Runs the training loader, nothing behind it, and prints one line of JSON: images per second, per second of processor time,
/// and bytes read per second, of the first epoch (every image read whole and its checksum compared) and of those after it; then what the
/// stages of one image take in one thread, see `StageTimes`.
/// @return the exit code
/// @throws Error if there is no image of that kind
int bench(const BenchOptions& options);

}  // namespace mosaic
