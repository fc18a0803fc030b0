#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "base/error.h"

namespace mosaic {
namespace {

int topology(int cpu, const char* name) {
  std::ifstream file(str("/sys/devices/system/cpu/cpu", cpu, "/topology/", name));
  int number = 0;
  return file >> number ? number : cpu;
}

}  // namespace

std::vector<int> in_order_of_cores(std::vector<int> cpus) {
  std::map<int, std::array<int, 3>> place;  // socket, core, processor
  for (const int cpu : cpus) place[cpu] = {topology(cpu, "physical_package_id"), topology(cpu, "core_id"), cpu};
  std::sort(cpus.begin(), cpus.end(), [&](int a, int b) { return place[a] < place[b]; });
  return cpus;
}

std::vector<std::vector<int>> disjoint_parts(const std::vector<std::vector<int>>& masks) {
  std::map<std::vector<int>, std::vector<std::size_t>> processes;  // of each mask
  for (std::size_t i = 0; i < masks.size(); ++i) processes[masks[i]].push_back(i);
  std::vector<std::vector<int>> parts = masks;
  for (const auto& [mask, of_mask] : processes) {
    const std::size_t n = of_mask.size();
    if (n > mask.size()) continue;
    for (std::size_t i = 0; i < n; ++i)
      parts[of_mask[i]] = {mask.begin() + static_cast<std::ptrdiff_t>(mask.size() * i / n),
                           mask.begin() + static_cast<std::ptrdiff_t>(mask.size() * (i + 1) / n)};
  }
  return parts;
}

bool run_on(const std::vector<int>& cpus) {
  if (cpus.empty()) return false;
  const int most = *std::max_element(cpus.begin(), cpus.end()) + 1;
  cpu_set_t* set = CPU_ALLOC(most);
  if (!set) return false;
  const std::size_t bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(bytes, set);
  for (const int cpu : cpus) CPU_SET_S(cpu, bytes, set);
  const bool done = ::sched_setaffinity(0, bytes, set) == 0;
  CPU_FREE(set);
  return done;
}

std::string ranges_of(std::vector<int> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (std::size_t begin = 0; begin < numbers.size();) {
    std::size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    text += str(text.empty() ? "" : ",", numbers[begin]);
    if (end - begin > 1) text += str('-', numbers[end - 1]);
    begin = end;
  }
  return text;
}

}  // namespace mosaic
