#include "model/direct_blur.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>

#include "model/blur_kernels.h"
#include "model/gpu_layers.h"

namespace mosaic {
namespace {

constexpr auto kLayout = at::MemoryFormat::ChannelsLast;

at::Tensor empty_image(const at::Tensor& like, std::int64_t height, std::int64_t width) {
  return at::empty({like.size(0), like.size(1), height, width}, like.options().memory_format(kLayout));
}

/// Makes all rows of `to` from `from` by the kernel that `choose` takes from the table, on all threads.
template <class T, class Choose>
void run(const Choose& choose, const at::Tensor& from, const BlurSize& size, const at::Tensor& to) {
  constexpr std::int64_t kGrainValues = 1 << 15;
  const auto kernel = choose(blur_kernels<T>(best_instruction_set()));
  const std::int64_t row_values = std::max<std::int64_t>(1, to.size(1) * to.size(3));
  at::parallel_for(0, to.size(0) * to.size(2), std::max<std::int64_t>(1, kGrainValues / row_values),
                   [&](std::int64_t begin, std::int64_t end) {
                     kernel(static_cast<const T*>(from.const_data_ptr()), size, {begin, end - begin},
                            static_cast<T*>(to.mutable_data_ptr()));
                   });
}

template <class Choose>
at::Tensor run(const Choose& choose, const at::Tensor& from, const BlurSize& size, at::Tensor to) {
  assert(from.is_contiguous(kLayout));
  if (to.numel() == 0) return to;
  if (from.scalar_type() == at::kFloat)
    run<float>(choose, from, size, to);
  else
    run<Bfloat16Bits>(choose, from, size, to);
  return to;
}

struct DirectLowPass : torch::autograd::Function<DirectLowPass> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, std::int64_t stride) {
    context->saved_data["height"] = x.size(2);
    context->saved_data["width"] = x.size(3);
    context->saved_data["stride"] = stride;
    return blur(x.contiguous(kLayout), stride);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto number = [&](const char* name) { return context->saved_data[name].toInt(); };
    return {blur_backward(gradients[0].contiguous(kLayout), number("height"), number("width"), number("stride")), {}};
  }
};

}  // namespace

at::Tensor blur(const at::Tensor& x, std::int64_t stride) {
  assert(stride == 1 || stride == 2);
  if (x.is_cuda()) return gpu_layers().blur(x, stride);
  const BlurSize size{x.size(2), x.size(3), x.size(1)};
  const auto kernel = [&](const auto& k) { return stride == 1 ? k.forward : k.forward_halving; };
  return run(kernel, x, size, empty_image(x, (size.height + stride - 1) / stride, (size.width + stride - 1) / stride));
}

at::Tensor blur_backward(const at::Tensor& dy, std::int64_t height, std::int64_t width, std::int64_t stride) {
  assert(stride == 1 || stride == 2);
  assert(dy.size(2) == (height + stride - 1) / stride && dy.size(3) == (width + stride - 1) / stride);
  if (dy.is_cuda()) return gpu_layers().blur_backward(dy, height, width, stride);
  const auto kernel = [&](const auto& k) { return stride == 1 ? k.forward : k.backward_halving; };
  return run(kernel, dy, {height, width, dy.size(1)}, empty_image(dy, height, width));
}

at::Tensor direct_low_pass(const at::Tensor& x, std::int64_t stride) { return DirectLowPass::apply(x, stride); }

}  // namespace mosaic
