#include "model/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace mosaic {
namespace {

InstructionSet processors() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return InstructionSet::kAvx512;
  if (__builtin_cpu_supports("avx2")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kPortable;
}

InstructionSet allowed() {
  const char* wish = std::getenv("ATEN_CPU_CAPABILITY");
  const std::string_view name = wish ? wish : "";
  return name == "default" ? InstructionSet::kPortable
         : name == "avx2"  ? InstructionSet::kAvx2
                           : InstructionSet::kAvx512;
}

}  // namespace

InstructionSet best_instruction_set() {
  static const InstructionSet best = std::min(processors(), allowed());
  return best;
}

}  // namespace mosaic
