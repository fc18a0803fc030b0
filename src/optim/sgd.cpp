#include "optim/sgd.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstdlib>
#include <string_view>

#include "optim/flat_walk.h"
#include "optim/sgd_kernel.h"

namespace mosaic {
namespace {

/// Whether the processor can run the kernel, and LibTorch's own kernels round like it: in ATEN_CPU_CAPABILITY=default
/// they do not.
bool has_kernel() {
#if defined(__x86_64__)
  static const bool has = [] {
    const char* wish = std::getenv("ATEN_CPU_CAPABILITY");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           std::string_view(wish ? wish : "") != "default";
  }();
  return has;
#else
  return false;
#endif
}

/// The step of parameters whose gradient and momentum lie in memory as they do, all in one pass.
class OnePass {
 public:
  /// @return whether the parameter will be stepped by `run`
  bool take(const at::Tensor& weight, const at::Tensor& gradient, const at::Tensor& momentum) {
    if (!side_by_side(weight, gradient) || !side_by_side(weight, momentum)) return false;
    all_.push_back(
        {weight.mutable_data_ptr<float>(), momentum.mutable_data_ptr<float>(), gradient.const_data_ptr<float>()});
    walk_.add(weight.numel());
    return true;
  }

  void run([[maybe_unused]] const SgdStep& step) const {
#if defined(__x86_64__)
    walk_.for_ranges([&](std::size_t i, std::int64_t begin, std::int64_t end) {
      const Pointers& p = all_[i];
      sgd_step_avx2(step, end - begin, p.gradient + begin, p.momentum + begin, p.weight + begin);
    });
#endif
  }

 private:
  struct Pointers {
    float *weight, *momentum;
    const float* gradient;
  };
  std::vector<Pointers> all_;
  FlatWalk walk_;
};

}  // namespace

DecoupledSgd::DecoupledSgd(std::vector<at::Tensor> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), options_(options) {}

void DecoupledSgd::step(double lr) {
  const c10::NoGradGuard no_grad;
  const double alpha = options_.initial_lr != 0 ? lr / options_.initial_lr : 1;
  const double decay = options_.weight_decay != 0 ? 1 - alpha * options_.weight_decay : 1;

  // What the kernel cannot take, or all: operator by operator, which defines the step.
  std::vector<at::Tensor> parameters, gradients, momentum;
  OnePass one_pass;
  const bool kernel = has_kernel() && options_.momentum != 0 && !momentum_.empty();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& gradient = parameters_[i].grad();
    if (kernel && one_pass.take(parameters_[i], gradient, momentum_[i])) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(gradient);
    if (!momentum_.empty()) momentum.push_back(momentum_[i]);
  }
  one_pass.run({static_cast<float>(options_.momentum), static_cast<float>(1 - options_.dampening),
                static_cast<float>(decay), static_cast<float>(-lr), options_.nesterov});
  if (parameters.empty()) return;

  std::vector<at::Tensor> direction = gradients;
  if (options_.momentum != 0) {
    if (momentum_.empty()) {
      for (const at::Tensor& g : gradients) momentum_.push_back(g.clone());
      momentum = momentum_;
    } else {
      at::_foreach_mul_(momentum, options_.momentum);
      at::_foreach_add_(momentum, gradients, 1 - options_.dampening);
    }
    direction = options_.nesterov ? at::_foreach_add(gradients, momentum, options_.momentum) : momentum;
  }
  if (options_.weight_decay != 0) at::_foreach_mul_(parameters, decay);
  at::_foreach_add_(parameters, direction, -lr);
}

}  // namespace mosaic
