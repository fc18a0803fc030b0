#include "device/memory_limit.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>
#include <malloc.h>

#include <atomic>
#include <limits>
#include <mutex>

#include "base/available_memory.h"

namespace mosaic {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
constexpr double kShare = 0.9;  // of what is available: libraries take some for themselves

std::atomic<std::int64_t> used_bytes{0}, most_bytes{kNoLimit};

std::int64_t size_of(void* data) { return static_cast<std::int64_t>(::malloc_usable_size(data)); }

/// LibTorch's own, with a count of what it has given away.
class CountingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* data = allocate_counted(bytes);
    return {data, data, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void* allocate_counted(std::size_t bytes) {
    const auto wanted = static_cast<std::int64_t>(bytes);
    TORCH_CHECK_WITH(OutOfMemoryError, used_bytes + wanted <= most_bytes, "out of memory: ", wanted,
                     " bytes wanted for a tensor, ", used_bytes.load(), " in others, at most ", most_bytes.load());
    void* data = nullptr;
    try {
      data = c10::alloc_cpu(bytes);
    } catch (const c10::Error& e) {  // a limit on the process
      TORCH_CHECK_WITH(OutOfMemoryError, false, e.what_without_backtrace());
    }
    if (data) used_bytes += size_of(data);
    return data;
  }

  static void give_back(void* data) {
    if (data) used_bytes -= size_of(data);
    c10::free_cpu(data);
  }
};

}  // namespace

void count_tensor_memory() {
  static std::once_flag started;
  std::call_once(started, [] {
    static CountingAllocator allocator;
    c10::SetCPUAllocator(&allocator, 1);
  });
}

std::int64_t tensor_memory() { return used_bytes; }

MemoryLimit::MemoryLimit(std::int64_t bytes) { most_bytes = bytes; }
MemoryLimit::~MemoryLimit() { most_bytes = kNoLimit; }

std::int64_t memory_for_tensors(int processes) {
  const double share = kShare * static_cast<double>(available_memory()) / processes;
  std::int64_t in_heap = 0;
#if defined(__GLIBC__)
  in_heap = static_cast<std::int64_t>(::mallinfo2().fordblks);
#endif
  return tensor_memory() + in_heap + static_cast<std::int64_t>(share);
}

}  // namespace mosaic
