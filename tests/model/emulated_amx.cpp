#include "model/emulated_amx.h"

#include "base/cpu.h"

namespace mosaic::test {

extern const AmxKernels* const kEmulatedAmxAvx512;  // of emulated_amx_avx512.cpp

const AmxKernels* emulated_amx_avx512() {
  const bool has = best_instruction_set() == InstructionSet::kAvx512 && has_bfloat16();
  return has ? kEmulatedAmxAvx512 : nullptr;
}

}  // namespace mosaic::test
