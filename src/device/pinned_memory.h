#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "batch/host_batch.h"

namespace mosaic {

/// Have the memory of the slab's images page-locked, so that a GPU copies from it by itself while the CPU goes on. It stays so until the slab
/// is gone or gets other memory: a loader has few slabs, and each is locked once.
/// @return false in builds without CUDA, and, with one warning, where the system refuses
bool pin(const Slab& slab);

/// Keeps `host` from being filled again until the copies that were started on the current stream of `device` are done: letting go of the result
/// waits for them. Call after they were started, for a slab that `pin` has pinned.
std::shared_ptr<const void> keep_until_copied(const HostBatch& host, at::Device device);

}  // namespace mosaic
