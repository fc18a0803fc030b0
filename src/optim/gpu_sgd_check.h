#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "optim/gpu_sgd.h"

namespace mosaic {

/// Compare the optimizer's kernel with LibTorch's operators in float64, on tensors of many sizes, with steps that proceed
/// and one that does not: to be done once before a run trusts it, on the very GPU, driver and compiler that it has. Waits
/// for the device.
/// @param device  whose memory `sgd` works on
/// @return a line for each kind of step whose result differs: the difference, and what was expected of it; empty if all agree
std::vector<std::string> disagreements(const GpuSgd& sgd, at::Device device);

}  // namespace mosaic
