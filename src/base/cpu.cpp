#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace mosaic {

int usable_cores() {
  // Nodes with more than 1,024 processors need a larger set than the default one.
  constexpr int kMostCores = 1 << 16;
  cpu_set_t* set = CPU_ALLOC(kMostCores);
  const std::size_t bytes = CPU_ALLOC_SIZE(kMostCores);
  int count = 0;
  if (set && ::sched_getaffinity(0, bytes, set) == 0) count = CPU_COUNT_S(bytes, set);
  if (set) CPU_FREE(set);
  return std::max(count, 1);
}

int cores_of_rank(int local_ranks) {
  const int usable = usable_cores();
  const bool bound = usable < static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  return bound ? usable : std::max(1, usable / std::max(1, local_ranks));
}

}  // namespace mosaic
