#include "model/loss.h"

#include <ATen/ATen.h>

#include "base/error.h"

namespace mosaic {

at::Tensor dense_targets(const at::Tensor& indices, std::int64_t classes, at::ScalarType type) {
  const at::Tensor numbers = at::arange(classes, indices.options());
  return indices.unsqueeze(1).eq(numbers).to(type);
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  if (targets.dim() == 1) return at::cross_entropy_loss(logits, targets);
  const at::Tensor per_image = -(targets * at::log_softmax(logits, 1)).sum(1);
  return per_image.mean() * (static_cast<double>(logits.size(0)) / targets.sum());
}

at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  const at::Tensor dense = targets.dim() == 1 ? dense_targets(targets, logits.size(1), logits.scalar_type()) : targets;
  return at::binary_cross_entropy_with_logits(logits, dense, {}, {}, at::Reduction::Sum) /
         static_cast<double>(logits.size(0));
}

at::Tensor loss(LossName name, const at::Tensor& logits, const at::Tensor& targets) {
  const bool narrow = logits.scalar_type() == at::kHalf || logits.scalar_type() == at::kBFloat16;
  const at::Tensor x = narrow ? logits.to(at::kFloat) : logits;
  return name == LossName::kCrossEntropy ? mosaic::cross_entropy(x, targets) : mosaic::binary_cross_entropy(x, targets);
}

}  // namespace mosaic
