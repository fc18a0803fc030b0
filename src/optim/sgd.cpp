#include "optim/sgd.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace mosaic {

DecoupledSgd::DecoupledSgd(std::vector<at::Tensor> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), options_(options) {}

void DecoupledSgd::step(double lr) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (const at::Tensor& p : parameters_) gradients.push_back(p.grad());

  std::vector<at::Tensor> direction = gradients;
  if (options_.momentum != 0) {
    if (momentum_.empty()) {
      for (const at::Tensor& g : gradients) momentum_.push_back(g.clone());
    } else {
      at::_foreach_mul_(momentum_, options_.momentum);
      at::_foreach_add_(momentum_, gradients, 1 - options_.dampening);
    }
    direction = options_.nesterov ? at::_foreach_add(gradients, momentum_, options_.momentum) : momentum_;
  }
  if (options_.weight_decay != 0) {
    const double alpha = options_.initial_lr != 0 ? lr / options_.initial_lr : 1;
    at::_foreach_mul_(parameters_, 1 - alpha * options_.weight_decay);
  }
  at::_foreach_add_(parameters_, direction, -lr);
}

}  // namespace mosaic
