#include "optim/sam.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "base/error.h"

namespace mosaic {

void move_uphill(const std::vector<at::Tensor>& parameters, const SamConfig& config,
                 const std::vector<at::Tensor>& before) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& p : parameters) gradients.push_back(p.grad());
  const at::Tensor length = at::stack(at::_foreach_norm(gradients)).norm();
  at::_foreach_copy_(before, parameters);
  at::_foreach_mul_(gradients, config.rho / (length + config.epsilon));
  at::_foreach_add_(parameters, gradients);
}

void move_back(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& before) {
  const c10::NoGradGuard no_grad;
  at::_foreach_copy_(parameters, before);
}

Sam::Sam(const SamConfig& config, std::vector<at::Tensor> parameters)
    : config_(config), parameters_(std::move(parameters)) {
  if (config.interval < 1)
    throw Error(str("sam.interval: got ", config.interval, ", expected a number of steps, at least 1"));
  for (const at::Tensor& p : parameters_) before_.push_back(at::empty_like(p.detach()));
}

bool Sam::step(const GradientPass& gradients, const std::function<void()>& update) {
  const bool two_passes = due();
  bool useful = gradients(!two_passes);
  if (two_passes && useful) {
    move_uphill(parameters_, config_, before_);
    try {
      useful = gradients(true);
    } catch (...) {
      move_back(parameters_, before_);
      throw;
    }
    move_back(parameters_, before_);
  }
  ++steps_;  // not where a pass throws: its step is still to be made
  if (useful) update();
  return useful;
}

}  // namespace mosaic
