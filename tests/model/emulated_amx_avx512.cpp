// Compiled for one instruction set: see tests/CMakeLists.txt.
#include "model/emulated_amx.h"

#if defined(__AVX512BF16__)

#include "model/amx_loops.h"
#include "model/emulated_tiles.h"

namespace mosaic::test {

extern const AmxKernels* const kEmulatedAmxAvx512;
constinit const AmxKernels* const kEmulatedAmxAvx512 = &kAmxKernels<EmulatedTiles>;

}  // namespace mosaic::test

#else

namespace mosaic::test {

extern const AmxKernels* const kEmulatedAmxAvx512;
constinit const AmxKernels* const kEmulatedAmxAvx512 = nullptr;

}  // namespace mosaic::test

#endif
