#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "model/gpu_layers.h"

namespace mosaic {

/// Compare every kernel with LibTorch's operators in float64, forward and backward, in all types, on small images of
/// odd and of even sizes: to be done once before a run trusts them, on the very GPU, driver and compiler that it has.
/// Waits for the device.
/// @param device  whose memory `layers` works on
/// @return a line for each result that differs: the kernel, type, image, difference and what was expected of it; empty
///         if all agree
std::vector<std::string> disagreements(const GpuLayers& layers, at::Device device);

}  // namespace mosaic
