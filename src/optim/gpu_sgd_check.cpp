#include "optim/gpu_sgd_check.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "base/error.h"
#include "optim/sgd.h"

namespace mosaic {
namespace {

constexpr double kTolerance = 1e-5;  // of a value, or of 1 where that is smaller: a few roundings of float32

/// Parts of a vector, whole ones, one block of threads and several; one in channels-last; and more than a launch takes.
std::vector<at::Tensor> weights(at::Device device, at::Generator& random) {
  std::vector<at::Tensor> all;
  for (const std::int64_t values : {1, 7, 64, 4096, 10'007}) all.push_back(at::randn({values}, random));
  all.push_back(at::randn({40, 30, 3, 3}, random).contiguous(at::MemoryFormat::ChannelsLast));
  for (int i = 0; i < 120; ++i) all.push_back(at::randn({1 + i % 5}, random));
  for (at::Tensor& t : all) t = t.to(device);
  return all;
}

/// The largest difference after four steps, of which the third does not proceed, between `options` and the same without kernel.
double difference(const SgdOptions& options, at::Device device) {
  at::Generator random = at::detail::createCPUGenerator(17);
  const std::vector<at::Tensor> by_kernel = weights(device, random);
  std::vector<at::Tensor> exact;
  for (const at::Tensor& t : by_kernel) exact.push_back(t.to(at::kDouble));
  SgdOptions plain = options;
  plain.gpu = nullptr;
  DecoupledSgd ours(by_kernel, options), theirs(exact, plain);
  for (int step = 0; step < 4; ++step) {
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const at::Tensor gradient = at::empty_like(by_kernel[i]).copy_(at::randn(by_kernel[i].sizes(), random));
      by_kernel[i].mutable_grad() = gradient;
      exact[i].mutable_grad() = gradient.to(at::kDouble);
    }
    const bool proceed = step != 2;
    ours.step(0.1 * (step + 1), at::full({}, proceed, at::TensorOptions(device).dtype(at::kBool)));
    if (proceed) theirs.step(0.1 * (step + 1));
  }
  at::Tensor most = at::zeros({}, exact[0].options());
  const auto compare = [&](const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected) {
    for (std::size_t i = 0; i < got.size(); ++i)
      most = at::maximum(most, ((got[i] - expected[i]).abs() / expected[i].abs().clamp_min(1)).max());
  };
  compare(by_kernel, exact);
  compare(ours.momentum(), theirs.momentum());
  return most.item<double>();
}

}  // namespace

std::vector<std::string> disagreements(const GpuSgd& sgd, at::Device device) {
  std::vector<std::string> found;
  for (const bool nesterov : {false, true})
    for (const double dampening : {0.0, 0.3}) {
      const double most = difference({.initial_lr = 0.5,
                                      .momentum = 0.875,
                                      .weight_decay = 0.01,
                                      .dampening = dampening,
                                      .nesterov = nesterov,
                                      .gpu = &sgd},
                                     device);
      if (most <= kTolerance) continue;  // a NaN is not
      found.push_back(mosaic::str("sgd", nesterov ? " with Nesterov's momentum" : "", ", dampening ", dampening,
                                  ": differs by ", most, ", expected at most ", kTolerance));
    }
  return found;
}

}  // namespace mosaic
