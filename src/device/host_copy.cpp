#include "device/host_copy.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cassert>

namespace mosaic {

HostCopy::HostCopy(const at::Tensor& numbers) {
  assert(numbers.scalar_type() == at::kDouble && numbers.dim() == 1);
  on_host_ = at::empty(numbers.sizes(), numbers.options().device(at::kCPU).pinned_memory(numbers.is_cuda()));
  on_host_.copy_(numbers, /*non_blocking=*/true);
  if (numbers.is_cpu()) return;
  copied_.emplace(numbers.device().type());
  copied_->record(c10::impl::VirtualGuardImpl(numbers.device().type()).getStream(numbers.device()));
}

std::vector<double> HostCopy::values() const {
  if (copied_) copied_->synchronize();
  const double* first = on_host_.const_data_ptr<double>();
  return {first, first + on_host_.numel()};
}

at::Tensor sent_to(at::Device device, const at::Tensor& numbers) {
  return device.is_cuda() && numbers.is_cpu() ? numbers.pin_memory().to(device, /*non_blocking=*/true)
                                              : numbers.to(device);
}

}  // namespace mosaic
