#pragma once

#include <vector>

#include "train/run.h"

namespace mosaic {

/// Collective: the numbers of every rank, as many on each, in the order of the ranks.
std::vector<std::vector<double>> gather_numbers(Run& run, const std::vector<double>& mine);

/// True if `here` is true on all ranks. Collective. Waits for the device.
/// @param device  that `ranks` works on
bool on_all_ranks(ProcessGroup& ranks, at::Device device, bool here);

}  // namespace mosaic
