#pragma once

#include <string>
#include <vector>

#include "model/amx_kernels.h"

namespace mosaic {

/// Compare AmxConvolution with LibTorch's convolutions in float64, forward and backward, on small images of odd and of
/// even sizes, and with itself what only larger ones would bring about: results written past the caches, and gradients
/// summed piece by piece. To be done once before a run trusts the kernels, on the very processor and operating system that
/// it has; takes tens of milliseconds.
/// @return a line for each result that differs: which one, the shapes, the difference and what was expected of it; empty
///         if all agree
std::vector<std::string> disagreements(const AmxKernels& kernels);

}  // namespace mosaic
