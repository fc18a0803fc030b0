#pragma once

#include <string>

namespace mosaic {

/// preprocess bench OUT
struct BenchOptions {
  std::string out;  // folder of the shards
  std::string split = "train";
  int side = 224;       // of the crops in pixels
  int threads = 0;      // 0: one for each core of the affinity mask
  double seconds = 10;  // to measure for, after the first epoch
};

/// Runs the training loader, nothing behind it, and prints one line of JSON: images per second, per second of processor time,
/// and bytes read per second, of the first epoch (every image read whole and its checksum compared) and of those after it.
/// @return the exit code
int bench(const BenchOptions& options);

}  // namespace mosaic
