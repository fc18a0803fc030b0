#pragma once

#include <cstddef>

namespace mosaic {

struct Buffer;

/// What gradients are while they travel. `kBfloat16` halves what float32 sends. On the host sums are made in float32 all the same;
/// NCCL is given bfloat16 by the caller, and rounds its sums.
enum class WireType { kSame, kBfloat16 };

/// Means over the ranks that are made while the caller computes. On the host by a thread of its own, which needs an MPI that
/// lets one thread at a time call it (MPI_THREAD_SERIALIZED), else all of it in `wait`; on a GPU by a stream of its own.
/// The sum is the same bits on all ranks and in every run; on the host also however the numbers are divided into buffers: it is
/// made in the order of the ranks, each number by one of them.
/// Between the first `start` and the end of `wait` no other collective may be called. Errors come out of `wait` and, if it is
/// known by then, `start`.
class BackgroundMean {
 public:
  virtual ~BackgroundMean() = default;  // what has been started and not waited for is given up

  /// Put the mean over the ranks in the place of `b`, which nobody may touch until `wait` has returned; returns at once.
  /// Collective: all ranks start buffers of the same sizes in the same order.
  /// @param b  floating-point numbers, at most 2^30 bytes
  /// @param filled  on a GPU, CUDA's event after which `b` holds the rank's numbers; nullptr: when all is done that the default stream has
  ///                been given so far. On the host they are there already
  virtual void start(Buffer b, void* filled = nullptr) = 0;

  /// Return when all that was started is done; on a GPU the default stream does so, and the caller goes on.
  virtual void wait() = 0;

  /// Seconds that the exchange has taken so far by itself: on the host without waiting for ranks that had not come as far; on a
  /// GPU with that, up to an earlier step.
  virtual double busy_seconds() const = 0;
};

}  // namespace mosaic
