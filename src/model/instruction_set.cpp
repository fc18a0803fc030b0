#include "model/instruction_set.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

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

/// "" where it is not set.
std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

InstructionSet allowed() {
  const std::string_view name = environment("ATEN_CPU_CAPABILITY");
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
/// @return an error number; 0: it does
int ask_for_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileContents = 18;  // ARCH_REQ_XCOMP_PERM, of <asm/prctl.h>
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileContents) == 0 ? 0 : errno;
}

#else

bool processor_has_amx() { return false; }
int ask_for_tiles() { return 0; }

#endif

struct Amx {
  bool wanted;  // by the environment, and the processor has it
  int refusal;
};

const Amx& amx() {
  static const Amx answer = [] {
    const bool wanted = best_instruction_set() == InstructionSet::kAvx512 && processor_has_amx() &&
                        allows_amx(environment("ONEDNN_MAX_CPU_ISA"));
    return Amx{wanted, wanted ? ask_for_tiles() : 0};
  }();
  return answer;
}

}  // namespace

InstructionSet best_instruction_set() {
  static const InstructionSet best = std::min(processors(), allowed());
  return best;
}

bool has_amx() { return amx().wanted && amx().refusal == 0; }

int amx_refusal() { return amx().refusal; }

bool allows_amx(std::string_view most) {
  std::string name(most);
  for (char& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  const bool is_set = name.starts_with("sse") || name.starts_with("avx");
  return !is_set || name.find("amx") != std::string::npos;
}

}  // namespace mosaic
