#include "train/flat_gradients.h"

#include <ATen/ATen.h>

#include <cassert>

namespace mosaic {

Buffer buffer_of(const at::Tensor& tensor) {
  assert(tensor.is_contiguous());
  const ElementType type = tensor.scalar_type() == at::kFloat      ? ElementType::kFloat32
                           : tensor.scalar_type() == at::kDouble   ? ElementType::kFloat64
                           : tensor.scalar_type() == at::kBFloat16 ? ElementType::kBfloat16
                                                                   : ElementType::kInt64;
  return {tensor.data_ptr(), static_cast<std::size_t>(tensor.numel()), type};
}

FlatGradients::FlatGradients(const std::vector<NamedTensor>& parameters) {
  std::int64_t total = 0;
  for (const auto& p : parameters) total += p.tensor.numel();
  flat_ = at::zeros({total}, parameters.front().tensor.options().requires_grad(false));
  std::int64_t at = 0;
  for (const auto& p : parameters) {
    at::Tensor parameter = p.tensor;
    // In the parameter's own layout, which may be channels-last.
    parameter.mutable_grad() = flat_.as_strided(parameter.sizes(), parameter.strides(), at);
    at += parameter.numel();
  }
}

}  // namespace mosaic
