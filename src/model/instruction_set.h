#pragma once

#include <cstdint>
#include <type_traits>

namespace mosaic {

/// The instruction sets that this folder's kernels for CPUs are compiled for, each in files of its own.
enum class InstructionSet { kPortable, kAvx2, kAvx512 };

/// The best one that this processor has. ATEN_CPU_CAPABILITY=avx2 or default in the environment lowers it, as it does
/// LibTorch's own.
InstructionSet best_instruction_set();

/// Whether this process may use AMX with bfloat16: the best instruction set is AVX-512, the processor has its bfloat16
/// part and the tiles, and the operating system allows this process their registers, which is asked for here. Then every
/// thread may.
bool has_amx();

/// bfloat16, as those kernels store it: the upper half of a float32, rounded to nearest even.
using Bfloat16Bits = std::uint16_t;

/// Of kernels for both types of element those for T, which is float or Bfloat16Bits.
template <class T, class Float32, class Bfloat16>
const auto& for_type(const Float32& float32, const Bfloat16& bfloat16) {
  if constexpr (std::is_same_v<T, float>)
    return float32;
  else
    return bfloat16;
}

}  // namespace mosaic
