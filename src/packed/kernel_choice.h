#pragma once

#include <string>
#include <vector>

#include "packed/kernels.h"

namespace mosaic {

/// All kernels that this processor can run, best first; the portable ones are last, and always there.
const std::vector<const Kernels*>& usable_kernels();

/// Those for one instruction set, in builds for x86; nullptr where the processor lacks it.
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();

/// The best of them; or those that the environment variable MOSAIC_KERNELS names (avx512, avx2, portable), for measurements.
/// @throws Error if it names some that this processor cannot run
const Kernels& best_kernels();

}  // namespace mosaic
