#pragma once

#include <cstdint>
#include <vector>

#include "config/config.h"
#include "plan/calibration.h"
#include "plan/estimate.h"
#include "plan/run_shape.h"

namespace mosaic {

/// How the seconds of a step follow from what was calibrated. A rank computes, then waits for what of the exchange its backward pass did
/// not hide; its loader makes the next batch meanwhile, and a step that is faster than the loader waits for it.

/// Seconds of one step on one rank, for each of the stages, and of the whole: the larger one of loading and (compute + network).
struct StepTimes {
  Estimate read;     // by all threads of the rank
  Estimate decode;   // and crop, likewise
  Estimate compute;  // forward, backward, optimizer
  Estimate network;  // not hidden
  Estimate whole;
};

/// The calibrations that a plan rests on.
struct Basis {
  Calibration nearest;  // of as many ranks as possible, not more than planned; else the one of the fewest
  std::vector<ExchangeCost> exchange;  // of the one with the most ranks, on `exchange_ranks`; empty: all had one rank
  int exchange_ranks = 1, exchange_nodes = 1;
  std::vector<std::string> differences;  // settings that change the cost of a step, a sentence each
};

constexpr int kMostScaling = 16;

/// @throws Error if no calibration is for the net and the precision of `config`, or `ranks` are more than kMostScaling times those of the
/// largest one that is: it says what to calibrate
Basis choose_basis(const std::vector<Calibration>& calibrations, const Config& config, int ranks);

/// Where a plan puts its ranks.
struct Placement {
  int ranks = 1, nodes = 1, threads = 1;  // threads of a rank
};
/// As calibrated: as many ranks per node and threads per rank. @param ranks_per_node  0: that
Placement placement(const Basis& basis, int ranks, int ranks_per_node);

/// Seconds of summing `bytes` over `ranks` in a ring: 2 (ranks - 1) messages one after the other, each of them bytes / ranks long.
/// T = alpha 2 (N - 1) + bytes 2 (N - 1) / N / beta, alpha from the smallest buffer that was measured, beta from the largest.
/// Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, IJHPCA 2005, section 4.5.
/// @param costs  measured on `measured_ranks` > 1; at least one
Estimate ring_seconds(const std::vector<ExchangeCost>& costs, int measured_ranks, double bytes, int ranks);

StepTimes step_times(const Basis& basis, const Placement& where, const StepKind& kind, std::int64_t images);
/// What the first step of a kind takes more, once in a process: kernels are chosen for its shape, memory is taken.
Estimate first_seconds(const Basis& basis, const StepKind& kind, std::int64_t images);
/// One batch of an evaluation.
Estimate evaluation_seconds(const Basis& basis, const Placement& where, int side, std::int64_t images);

}  // namespace mosaic
