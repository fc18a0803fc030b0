#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace mosaic {

/// What was measured on a machine, from which `--plan` predicts other runs. Times are seconds; a rank's numbers are the mean over the
/// ranks, all of which worked at the same time.

/// Of training steps, or of evaluation's batches, with the loader at work.
struct StepCost {
  int side = 0;              // pixels
  std::int64_t images = 0;   // of one rank and step
  bool sam = false;          // a step of two passes
  double seconds = 0;        // a step: the mean, without waiting for data and for other ranks
  double low = 0, high = 0;  // means of the fastest and of the slowest of several rounds, without extremes
  double first = 0;          // what the first one of a process takes more than the mean
  double network = 0;        // in which the rank stands still for the others
  double exchange = 0;       // what the exchange of gradients takes by itself, most of it while the rank computes
};

/// Reading, decoding and cropping one image, by all threads of a rank together: seconds from one image to the next.
struct LoadCost {
  int side = 0;
  double seconds = 0;
};

/// Summing a buffer over the ranks.
struct ExchangeCost {
  double bytes = 0;
  double seconds = 0;
};

/// One measurement of one configuration on one number of ranks.
struct Calibration {
  std::string version, host, device;  // of the program; "node17"; "cpu", or the GPU's name
  std::string config;                 // the resolved one, as YAML
  std::string precision;  // that steps were computed in, where the configuration leaves it open, too: "fp32"
  bool fused_layers = true;
  int ranks = 1, nodes = 1, threads = 1;  // threads of a rank
  std::int64_t train_images = 0, eval_images = 0;
  double image_bytes = 0;              // mean, as stored
  double read_seconds = 0;             // one image, by one thread
  std::vector<StepCost> steps;         // at least one without SAM
  std::vector<LoadCost> loading;       // at least one
  std::vector<StepCost> evaluation;    // at least one; no SAM
  std::vector<ExchangeCost> exchange;  // empty with one rank
  double gradient_bytes = 0;
  double parameter_bytes = 0,
         statistics_bytes = 0;  // of one net: weights; batch norm's statistics, of which each rank has its own
  double checkpoint_bytes = 0, checkpoint_seconds = 0;  // of one, and to write it
  double start_seconds = 0;                             // from the start of the process to the first step
  double first_step_seconds = 0;                        // what the first step of all takes more than others of its kind
  double memory_before = 0,
         memory_after = 0;  // resident bytes of a rank: before the steps, and with the largest one of `steps`

  int ranks_per_node() const { return (ranks + nodes - 1) / nodes; }
};

/// What makes a configuration one whose steps are others than the calibrated ones: the net, the device, the precision that follows from it,
/// or fused layers: "model.width is 32, calibrated was 16". "" if nothing does. A device of `auto` is the calibrated one.
std::string another_net(const Calibration& calibrated, const Config& config);

/// The file of `--calibration`, which holds several: each number of ranks has its own.
/// @throws Error naming the file, the member, what was found and what was expected
std::vector<Calibration> read_calibrations(const std::string& path);
std::string calibrations_json(const std::vector<Calibration>& calibrations);

/// `path` with `calibration` in it, in place of one of the same net on as many ranks, nodes and threads, if there is one. The file is made
/// if it is not there.
/// @throws Error; a file that is no calibration is not overwritten
/// @param config  that was calibrated
void add_calibration(const std::string& path, const Calibration& calibration, const Config& config);

}  // namespace mosaic
