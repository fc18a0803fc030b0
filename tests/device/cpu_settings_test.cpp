#include "device/cpu_settings.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <set>
#include <thread>

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("once the CPU is prepared, denormal numbers are 0 in all of LibTorch's threads", "[device]") {
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  prepare_cpu();
  std::atomic<int> zeros = 0;
  std::array<std::thread::id, 3> thread;
  at::parallel_for(0, 3, 1, [&](std::int64_t begin, std::int64_t end) {
    volatile float small = 0x1p-126f;  // the smallest normal one
    for (; begin < end; ++begin) {
      zeros += small * 0.5f == 0;
      thread[static_cast<std::size_t>(begin)] = std::this_thread::get_id();
    }
  });
  CHECK(zeros == 3);
  CHECK(std::set(thread.begin(), thread.end()).size() == 3);  // else code of ours was compiled without OpenMP
  at::globalContext().setFlushDenormal(false);
  at::parallel_for(0, 3, 1, [](std::int64_t, std::int64_t) { at::globalContext().setFlushDenormal(false); });
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace mosaic
