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

  void zero();
  const at::Tensor& flat() const { return flat_; }

 private:
  at::Tensor flat_;
};

}  // namespace mosaic
