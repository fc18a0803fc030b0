#include "device/queued_copy.h"

#include <ATen/ATen.h>

namespace mosaic {

at::Tensor queued_copy(const at::Tensor& host, at::Device device) {
  if (!device.is_cuda()) return host.to(device);
  // From pageable memory LibTorch would wait for all that is queued. It keeps the page-locked copy until it has been read.
  return host.pin_memory().to(device, host.scalar_type(), true);
}

}  // namespace mosaic
