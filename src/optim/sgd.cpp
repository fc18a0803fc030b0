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

/// The step in one pass over memory, by a kernel, of parameters whose gradient and momentum lie in memory as they do.
class OnePass {
 public:
  /// @return whether the parameter will be stepped by `run`
  bool take(const at::Tensor& weight, const at::Tensor& gradient, const at::Tensor& momentum) {
    if (!side_by_side(weight, gradient) || !side_by_side(weight, momentum)) return false;
    all_.push_back({weight.mutable_data_ptr<float>(), momentum.mutable_data_ptr<float>(),
                    gradient.const_data_ptr<float>(), weight.numel()});
    return true;
  }

  void run_on_cpu([[maybe_unused]] const SgdStep& step) const {
#if defined(__x86_64__)
    FlatWalk walk;
    for (const SgdTensor& t : all_) walk.add(t.values);
    walk.for_ranges([&](std::size_t i, std::int64_t begin, std::int64_t end) {
      const SgdTensor& t = all_[i];
      sgd_step_avx2(step, end - begin, t.gradient + begin, t.momentum + begin, t.weight + begin);
    });
#endif
  }

  void run(const GpuSgd& gpu, const SgdStep& step, bool first, const at::Tensor& proceed) const {
    const bool* flag = proceed.defined() ? proceed.const_data_ptr<bool>() : nullptr;
    gpu.start(step, first, all_, flag, gpu.current_stream());
  }

 private:
  std::vector<SgdTensor> all_;
};

/// What a step changes, as it was: put back where `proceed` is false, without looking at it.
class Undo {
 public:
  Undo(const std::vector<at::Tensor>& tensors, const at::Tensor& proceed) : tensors_(tensors), proceed_(proceed) {
    if (!proceed.defined()) return;
    for (const at::Tensor& t : tensors) before_.push_back(t.detach().clone());
  }
  void unless_proceeding() const {
    for (std::size_t i = 0; i < before_.size(); ++i) tensors_[i].copy_(at::where(proceed_, tensors_[i], before_[i]));
  }

 private:
  const std::vector<at::Tensor>& tensors_;
  const at::Tensor& proceed_;
  std::vector<at::Tensor> before_;
};

}  // namespace

DecoupledSgd::DecoupledSgd(std::vector<at::Tensor> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), options_(options) {}

void DecoupledSgd::step(double lr, const at::Tensor& proceed) {
  const c10::NoGradGuard no_grad;
  // On the host there is nothing to wait for.
  if (proceed.defined() && proceed.is_cpu() && !options_.gpu && !proceed.item<bool>()) return;
  const double alpha = options_.initial_lr != 0 ? lr / options_.initial_lr : 1;
  const double decay = options_.weight_decay != 0 ? 1 - alpha * options_.weight_decay : 1;
  const bool first = options_.momentum != 0 && momentum_.empty();
  if (first)
    for (const at::Tensor& p : parameters_) momentum_.push_back(at::zeros_like(p.grad()));

  // What the kernel cannot take, or all: operator by operator, which defines the step.
  std::vector<at::Tensor> parameters, gradients, momentum;
  OnePass one_pass;
  const bool kernel = options_.momentum != 0 && (options_.gpu || (has_kernel() && !first));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& gradient = parameters_[i].grad();
    if (kernel && (options_.gpu || parameters_[i].is_cpu()) && one_pass.take(parameters_[i], gradient, momentum_[i]))
      continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(gradient);
    if (options_.momentum != 0) momentum.push_back(momentum_[i]);
  }
  const SgdStep step{static_cast<float>(options_.momentum), static_cast<float>(1 - options_.dampening),
                     static_cast<float>(decay), static_cast<float>(-lr), options_.nesterov};
  if (options_.gpu)
    one_pass.run(*options_.gpu, step, first, proceed);
  else
    one_pass.run_on_cpu(step);
  if (parameters.empty()) return;

  const Undo weights_before(parameters, proceed), momentum_before(momentum, proceed);
  std::vector<at::Tensor> direction = gradients;
  if (options_.momentum != 0) {
    if (first) {
      at::_foreach_copy_(momentum, gradients);
    } else {
      at::_foreach_mul_(momentum, options_.momentum);
      at::_foreach_add_(momentum, gradients, 1 - options_.dampening);
    }
    direction = options_.nesterov ? at::_foreach_add(gradients, momentum, options_.momentum) : momentum;
  }
  if (options_.weight_decay != 0) at::_foreach_mul_(parameters, decay);
  at::_foreach_add_(parameters, direction, -lr);
  weights_before.unless_proceeding();
  momentum_before.unless_proceeding();
}

}  // namespace mosaic
