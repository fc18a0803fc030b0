#pragma once

#include <cstdint>

namespace mosaic {

/// Memory of tensors on the host, counted, so that it can have a limit with the same end as on a GPU: an allocation that goes over
/// it throws c10::OutOfMemoryError, and a smaller micro-batch can be tried. Without one the kernel grants whatever is asked for,
/// and kills a process when it is used. What libraries take for themselves is not counted: leave room for it.

/// Counts from now on; later calls do nothing. Tensors that are there already are not counted.
void count_tensor_memory();

/// Bytes in tensors made since then.
std::int64_t tensor_memory();

/// While it lives, `tensor_memory` stays at or below `bytes`, or at what it is. One at a time.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::int64_t bytes);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
};

/// What this process can put into tensors: what they hold, what the heap holds for the next ones, and nine tenths of its share of what
/// is available on its node. Takes some tenths of a millisecond. @param processes  that share the node
std::int64_t memory_for_tensors(int processes);

}  // namespace mosaic
