#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "comm/background_mean.h"

namespace mosaic {

enum class ElementType { kFloat32, kFloat64, kInt64, kBfloat16 };  // the last one with NCCL only
std::size_t element_bytes(ElementType type);

/// Elements in the memory of the device that the group works on: the host for MPI, the rank's GPU for NCCL.
struct Buffer {
  void* data = nullptr;
  std::size_t count = 0;  // elements
  ElementType type = ElementType::kFloat32;

  Buffer(void* d, std::size_t n, ElementType t) : data(d), count(n), type(t) {}
  Buffer(std::span<float> s) : Buffer(s.data(), s.size(), ElementType::kFloat32) {}       // NOLINT
  Buffer(std::span<double> s) : Buffer(s.data(), s.size(), ElementType::kFloat64) {}      // NOLINT
  Buffer(std::span<std::int64_t> s) : Buffer(s.data(), s.size(), ElementType::kInt64) {}  // NOLINT
};

/// The ranks that train one model. Calls are collective: all ranks make the same ones in the same order, or all hang.
/// One thread at a time. A failed call throws Error; the other ranks then wait until the job is aborted.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual int size() const = 0;
  virtual int rank() const = 0;                    // in [0, size())
  virtual void all_reduce_sum(Buffer b) = 0;       // in place; b is the same on all ranks but for the pointer
  virtual void broadcast(Buffer b, int root) = 0;  // in place
  virtual void barrier() = 0;
  /// Means of buffers in the same memory, made while the caller computes. Not collective; goes before the group does.
  virtual std::unique_ptr<BackgroundMean> background_mean(WireType wire) = 0;
  /// Give up, from another thread, on calls that hang; the group is of no use afterwards. Not collective.
  virtual void abort() {}
};

/// Size 1, nothing to send: most tests use this.
std::unique_ptr<ProcessGroup> single_process();

/// All ranks of MPI_COMM_WORLD; buffers in host memory. MPI must have been started (mpi_session.h).
std::unique_ptr<ProcessGroup> mpi_process_group();

/// True in builds with CUDA and NCCL.
bool nccl_is_built_in();

/// All ranks of MPI_COMM_WORLD, one GPU each; buffers in the memory of GPU `device`. Operations are queued on that device's
/// default stream, in order with the computation that LibTorch queues there, and return before they are done; `barrier`
/// waits. The communicator's id travels by MPI.
/// @param device  CUDA device index of this rank
/// @throws Error where NCCL cannot be started; always in builds without it
std::unique_ptr<ProcessGroup> nccl_process_group(int device);

}  // namespace mosaic
