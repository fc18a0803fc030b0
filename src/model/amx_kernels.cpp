#include "model/amx_kernels.h"

namespace mosaic {

extern const AmxKernels* const kProcessorAmx;  // of amx_tiles.cpp

const AmxKernels* amx_kernels() { return has_amx() ? kProcessorAmx : nullptr; }

}  // namespace mosaic
