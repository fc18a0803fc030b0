#include "model/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

#if defined(__x86_64__) && defined(__linux__)

/// By number: Clang 14 has no names for these. Intel Software Developer's Manual, volume 2, CPUID, leaf 7.
bool processor_has_amx() {
  constexpr unsigned kTiles = 1u << 24 | 1u << 22, kAvx512Bfloat16 = 1u << 5;  // AMX-TILE, AMX-BF16; of subleaf 1
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1 || (d & kTiles) != kTiles) return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kAvx512Bfloat16) != 0;
}

/// Linux (from 5.16) keeps tiles' contents, 8 KiB a thread, only for processes that ask. Documentation/arch/x86/xstate.rst.
bool system_allows_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileContents = 18;  // ARCH_REQ_XCOMP_PERM, of <asm/prctl.h>
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileContents) == 0;
}

#else

bool processor_has_amx() { return false; }
bool system_allows_tiles() { return false; }

#endif

}  // namespace

InstructionSet best_instruction_set() {
  static const InstructionSet best = std::min(processors(), allowed());
  return best;
}

bool has_amx() {
  static const bool has =
      best_instruction_set() == InstructionSet::kAvx512 && processor_has_amx() && system_allows_tiles();
  return has;
}

}  // namespace mosaic
