#pragma once

#include "model/amx_kernels.h"

namespace mosaic::test {

/// The kernels for AMX on any processor: those of amx_loops.h, over tiles that are memory. Slow.
const AmxKernels& emulated_amx();

/// The same as they are compiled for processors with AMX, but for the tiles; null where this processor lacks AVX-512 BF16,
/// or the compiler knew none.
const AmxKernels* emulated_amx_avx512();

}  // namespace mosaic::test
