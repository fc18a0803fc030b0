#include "base/available_memory.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

/// A file system of which only what is written is there.
class Root {
 public:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_.path() + path).parent_path());
    std::ofstream(folder_.path() + path) << text;
  }
  std::int64_t available() const { return available_memory(folder_.path()); }

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("available memory is the kernel's, or what the tightest control group above leaves", "[base]") {
  Root root;
  CHECK(root.available() == std::numeric_limits<std::int64_t>::max());
  root.write("/proc/meminfo", "MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n");
  CHECK(root.available() == 4000 * 1024);

  SECTION("version 2") {
    root.write("/proc/self/cgroup", "0::/job/step\n");
    root.write("/sys/fs/cgroup/job/step/memory.max", "max\n");
    root.write("/sys/fs/cgroup/job/step/memory.current", "500000\n");
    CHECK(root.available() == 4000 * 1024);
    root.write("/sys/fs/cgroup/job/memory.max", "1000000\n");
    root.write("/sys/fs/cgroup/job/memory.current", "700000\n");
    CHECK(root.available() == 300000);
    root.write("/sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 50000\nactive_file 7\n");
    CHECK(root.available() == 350000);
    root.write("/sys/fs/cgroup/job/step/memory.max", "500100\n");
    CHECK(root.available() == 100);
  }
  SECTION("version 1, in a container whose path is the host's") {
    root.write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/slurm/job_7\n0::/\n");
    root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
    root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "2500000\n");
    CHECK(root.available() == 0);
    root.write("/sys/fs/cgroup/memory/memory.stat", "cache 900000\ntotal_inactive_file 600000\n");
    CHECK(root.available() == 100000);
  }
}

TEST_CASE("this machine has memory available", "[base]") {
  CHECK(available_memory() > 1 << 20);
  CHECK(available_memory() < std::int64_t{1} << 50);
}

}  // namespace
}  // namespace mosaic
