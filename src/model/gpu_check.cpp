#include "model/gpu_check.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "model/blur_pool.h"

namespace mosaic {
namespace {

struct Sizes {
  std::int64_t n, channels, height, width;
};

/// A single channel and pixel; odd numbers; whole vectors; several blocks of threads across and down.
constexpr Sizes kSizes[] = {{3, 1, 1, 1}, {3, 17, 5, 7}, {2, 64, 9, 6}, {5, 264, 8, 11}};

/// How far a result may be from the exact one, as a share of the largest value: a few roundings of the type.
double tolerance_of(at::ScalarType type) { return type == at::kFloat ? 1e-5 : type == at::kHalf ? 4e-3 : 3e-2; }

/// Compares results, and makes what they are computed from: the same numbers on every device.
class Check {
 public:
  Check(at::Device device, at::ScalarType type, const Sizes& sizes, std::vector<std::string>& found)
      : device_(device), type_(type), sizes_(sizes), found_(found) {}

  at::Tensor image() { return image(sizes_.height, sizes_.width); }
  at::Tensor image(std::int64_t height, std::int64_t width) {
    return at::randn({sizes_.n, sizes_.channels, height, width}, random_)
        .to(device_, type_)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }
  BatchNorm norm() {
    const auto values = [&] { return at::randn({sizes_.channels}, random_).to(device_); };
    return {values() * 0.3 + 1, values() * 0.3, values() * 0.1, values().abs() + 0.5};
  }
  at::Tensor keep() { return at::arange(sizes_.n, at::TensorOptions(device_).dtype(at::kFloat)).remainder(2); }

  void compare(const std::string& kernel, const at::Tensor& result, const at::Tensor& exact) {
    const at::Tensor difference = (result.detach().to(at::kDouble) - exact.detach()).abs().max();
    const double size = std::max(1.0, exact.detach().abs().max().item<double>());
    const double share = difference.item<double>() / size;
    if (share <= tolerance_of(type_)) return;  // a NaN is not
    found_.push_back(str(kernel, " in ", at::toString(type_), " on ", sizes_.n, " x ", sizes_.channels, " x ",
                         sizes_.height, " x ", sizes_.width, ": differs by ", share,
                         " of the largest value, expected at most ", tolerance_of(type_)));
  }

 private:
  at::Device device_;
  at::ScalarType type_;
  Sizes sizes_;
  std::vector<std::string>& found_;
  at::Generator random_ = at::detail::createCPUGenerator(17);
};

at::Tensor exact_leaf(const at::Tensor& x) { return x.detach().to(at::kDouble, false, true).requires_grad_(true); }

BatchNorm exact_norm(const BatchNorm& norm) {
  return {exact_leaf(norm.weight), exact_leaf(norm.bias), norm.running_mean.to(at::kDouble),
          norm.running_var.to(at::kDouble)};
}

void compare_statistics(Check& check, const std::string& name, const BatchNorm& norm, const BatchNorm& exact) {
  check.compare(name + ": running mean", norm.running_mean, exact.running_mean);
  check.compare(name + ": running variance", norm.running_var, exact.running_var);
}

void compare_gradients(Check& check, const std::string& name, const NormGradients& got, const at::Tensor& exact_x,
                       const BatchNorm& exact) {
  check.compare(name + ": gradient", got.x, exact_x.grad());
  check.compare(name + ": weight's gradient", got.weight, exact.weight.grad());
  check.compare(name + ": bias's gradient", got.bias, exact.bias.grad());
}

void check_norm_relu(const GpuLayers& layers, Check check, bool batch_statistics) {
  const std::string name = batch_statistics ? "norm_relu" : "norm_relu with frozen statistics";
  const at::Tensor x = check.image(), dy = check.image(), exact_x = exact_leaf(x);
  BatchNorm norm = check.norm(), exact = exact_norm(norm);
  const at::Tensor exact_y = exact(exact_x, batch_statistics).relu();
  exact_y.backward(dy.to(at::kDouble));

  const c10::NoGradGuard no_grad;
  const NormPass pass = layers.start_norm(x, norm, batch_statistics);
  check.compare(name, layers.norm_relu(x, pass), exact_y);
  compare_statistics(check, name, norm, exact);
  compare_gradients(check, name, layers.norm_relu_backward(x, pass, dy), exact_x, exact);
}

/// @param downsample  the shortcut has a batch norm; then also stochastic depth, and a second gradient
void check_norm_add_relu(const GpuLayers& layers, Check check, bool downsample) {
  const std::string name = downsample ? "norm_add_relu with a batch norm on the shortcut" : "norm_add_relu";
  const at::Tensor x = check.image(), r = check.image(), dy = check.image(), exact_x = exact_leaf(x),
                   exact_r = exact_leaf(r);
  const at::Tensor more_dy = downsample ? check.image() : at::Tensor(), keep = downsample ? check.keep() : at::Tensor();
  BatchNorm norm = check.norm(), exact = exact_norm(norm), around = check.norm(), exact_around = exact_norm(around);
  at::Tensor branch = exact(exact_x, true);
  if (downsample) branch = branch * keep.to(at::kDouble).view({-1, 1, 1, 1});
  const at::Tensor exact_y = (branch + (downsample ? exact_around(exact_r, true) : exact_r)).relu();
  exact_y.backward(downsample ? dy.to(at::kDouble) + more_dy.to(at::kDouble) : dy.to(at::kDouble));

  const c10::NoGradGuard no_grad;
  const NormPass pass = layers.start_norm(x, norm, true);
  const NormPass around_pass = downsample ? layers.start_norm(r, around, true) : NormPass{};
  const ShortcutPass shortcut{r, downsample ? &around_pass : nullptr};
  const at::Tensor y = layers.norm_add_relu(x, pass, keep, shortcut);
  check.compare(name, y, exact_y);
  compare_statistics(check, name, norm, exact);
  const auto got = layers.norm_add_relu_backward(x, pass, keep, shortcut, y, dy, more_dy);
  compare_gradients(check, name, got.branch, exact_x, exact);
  if (downsample)
    compare_gradients(check, name + ", shortcut", got.shortcut, exact_r, exact_around);
  else
    check.compare(name + ": shortcut's gradient", got.shortcut.x, exact_r.grad());
}

void check_blur(const GpuLayers& layers, Check check, std::int64_t stride) {
  const std::string name = str("blur with stride ", stride);
  const at::Tensor x = check.image(), exact_x = exact_leaf(x);
  const at::Tensor exact_y = low_pass(exact_x, low_pass_filter(x.size(1), exact_x.detach()), stride);
  const at::Tensor dy = check.image(exact_y.size(2), exact_y.size(3));
  exact_y.backward(dy.to(at::kDouble));

  const c10::NoGradGuard no_grad;
  check.compare(name, layers.blur(x, stride), exact_y);
  check.compare(name + ": gradient", layers.blur_backward(dy, x.size(2), x.size(3), stride), exact_x.grad());
}

}  // namespace

std::vector<std::string> disagreements(const GpuLayers& layers, at::Device device) {
  std::vector<std::string> found;
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16})
    for (const Sizes& sizes : kSizes) {
      const Check check(device, type, sizes, found);
      check_norm_relu(layers, check, true);
      check_norm_relu(layers, check, false);
      check_norm_add_relu(layers, check, false);
      check_norm_add_relu(layers, check, true);
      check_blur(layers, check, 1);
      check_blur(layers, check, 2);
    }
  return found;
}

}  // namespace mosaic
