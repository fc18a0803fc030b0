#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "comm/process_group.h"
#include "model/resnet.h"

namespace mosaic {

/// A contiguous tensor as what a process group sends.
Buffer buffer_of(const at::Tensor& tensor);

/// The gradients of all parameters in one contiguous tensor, each parameter's `grad` a view of it, in their order.
class FlatGradients {
 public:
  explicit FlatGradients(const std::vector<NamedTensor>& parameters);

  /// In place: on the host new pages for each step would have to be faulted in, one by one where the kernel has no large ones left,
  /// which made steps of the same run up to one and a half times as long in one process as in the next.
  void zero() { flat_.zero_(); }
  const at::Tensor& flat() const { return flat_; }

 private:
  at::Tensor flat_;
};

}  // namespace mosaic
