#pragma once

#include <ATen/core/Tensor.h>

namespace mosaic {

/// `host`, a tensor of the host, on `device`. To a GPU it is queued behind what is queued there already: nobody waits, and `host`
/// may be changed or let go of at once.
at::Tensor queued_copy(const at::Tensor& host, at::Device device);

}  // namespace mosaic
