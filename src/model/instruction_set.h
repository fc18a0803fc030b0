#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace mosaic {

/// The instruction sets that this folder's kernels for CPUs are compiled for, each in files of its own.
enum class InstructionSet { kPortable, kAvx2, kAvx512 };

/// The best one that this processor has. ATEN_CPU_CAPABILITY=avx2 or default in the environment lowers it, as it does
/// LibTorch's own.
InstructionSet best_instruction_set();

/// Whether this process may use AMX with bfloat16: the best instruction set is AVX-512, the processor has its bfloat16
/// part and the tiles, ONEDNN_MAX_CPU_ISA in the environment allows them, as it does LibTorch's own convolutions, and so
/// does the operating system, which is asked for their registers here. Then every thread may.
bool has_amx();

/// The error number with which the operating system has refused those registers; 0 where it has not, or was not asked.
int amx_refusal();

/// Whether a value of ONEDNN_MAX_CPU_ISA allows AMX: all but the names of instruction sets without it, in either case.
/// Names that oneDNN does not know change nothing there, nor here. oneDNN's developer guide, CPU dispatcher control.
bool allows_amx(std::string_view most);

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
