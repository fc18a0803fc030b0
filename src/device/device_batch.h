#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/MemoryFormat.h>

#include <memory>

#include "batch/host_batch.h"

namespace mosaic {

/// One rank's part of a batch on its device.
struct Batch {
  at::Tensor images;  // (N, 3, S, S), normalised
  at::Tensor labels;  // int64 (N)
  /// The host batch, while it may still be copied from; empty if not. Letting go of it waits for that copy.
  std::shared_ptr<const void> source = {};
};

/// (x - mean) / std per channel on the 0-255 scale, in two operations, with mean and std of ImageNet rounded to float32:
/// recipes section 2.4. On a GPU, in float32 and channels-last, by one kernel (gpu_normalise.h), which on the process's first
/// call is compared with LibTorch's operators; they do the work, with a warning, where it differs.
/// @param images  uint8 (N, S, S, 3)
/// @param type    float32, or float64 for tests
/// @param layout  of the result: the net's own saves a copy; channels-last is the order of the bytes
/// @return (N, 3, S, S), on the device of `images`
at::Tensor normalise(const at::Tensor& images, at::ScalarType type,
                     at::MemoryFormat layout = at::MemoryFormat::Contiguous);

/// Back from what `normalise` made: uint8 (N, S, S, 3) on the CPU, rounded, for looking at.
at::Tensor pixels_of(const at::Tensor& normalised);

/// Copy to the device and normalise there. The host batch may be let go of when this returns: to a GPU it is copied in the background, from
/// page-locked memory, and the result keeps it meanwhile.
Batch to_device(const HostBatch& host, at::Device device, at::ScalarType type,
                at::MemoryFormat layout = at::MemoryFormat::Contiguous);

}  // namespace mosaic
