#include "base/process.h"

#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace mosaic {
namespace {

/// Bytes behind `key` in /proc/self/status: "VmHWM:     1234 kB".
std::int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (std::int64_t kibibytes; word == key && status >> kibibytes) return kibibytes * 1024;
  return 0;
}

}  // namespace

double process_age() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // Behind the name, which may hold spaces: field 3 and on. The start is field 22, in ticks since the machine was started.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string word;
  for (int field = 3; field <= 22; ++field) fields >> word;
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const double started = std::stod(word) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - started;
}

std::int64_t resident_bytes() { return status_bytes("VmRSS:"); }

std::int64_t take_peak_resident_bytes() {
  const std::int64_t peak = status_bytes("VmHWM:");
  std::ofstream("/proc/self/clear_refs") << 5;  // proc(5): "resets the peak resident set size"
  return peak;
}

}  // namespace mosaic
