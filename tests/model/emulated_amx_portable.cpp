#include "model/amx_loops.h"
#include "model/emulated_amx.h"
#include "model/emulated_tiles.h"

namespace mosaic::test {

const AmxKernels& emulated_amx() { return kAmxKernels<EmulatedTiles>; }

}  // namespace mosaic::test
