#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace mosaic {

std::vector<int> affinity() {
  // Nodes with more than 1,024 processors need a larger set than the default one.
  constexpr int kMostCores = 1 << 16;
  cpu_set_t* set = CPU_ALLOC(kMostCores);
  const std::size_t bytes = CPU_ALLOC_SIZE(kMostCores);
  std::vector<int> cores;
  if (set && ::sched_getaffinity(0, bytes, set) == 0)
    for (int core = 0; core < kMostCores; ++core)
      if (CPU_ISSET_S(core, bytes, set)) cores.push_back(core);
  if (set) CPU_FREE(set);
  return cores;
}

int usable_cores() { return std::max(static_cast<int>(affinity().size()), 1); }

int online_cores() { return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)); }

bool has_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");  // every processor with AMX has it, too; Clang 14 has no name for that
#else
  return true;
#endif
}

int cores_of_rank(int local_ranks) {
  const int usable = usable_cores();
  const bool bound = usable < online_cores();
  return bound ? usable : std::max(1, usable / std::max(1, local_ranks));
}

}  // namespace mosaic
