#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/where.h>

#include <cstdint>

#include "train/run.h"

namespace mosaic {

/// Statistics of batch norm as they were, for a step or a pass that leaves no trace.
class SavedStatistics {
 public:
  explicit SavedStatistics(const Run& run)
      : buffers_(run.buffers.clone()), batches_tracked_(run.net.batches_tracked()) {}

  const at::Tensor& buffers() const { return buffers_; }
  std::int64_t batches_tracked() const { return batches_tracked_; }

  void restore(Run& run) const {
    run.buffers.copy_(buffers_);
    run.net.set_batches_tracked(batches_tracked_);
  }
  /// On the device; the count is the host's, and left to it.
  void restore_unless(const at::Tensor& proceed, Run& run) const {
    run.buffers.copy_(at::where(proceed, run.buffers, buffers_));
  }

 private:
  at::Tensor buffers_;
  std::int64_t batches_tracked_;
};

}  // namespace mosaic
