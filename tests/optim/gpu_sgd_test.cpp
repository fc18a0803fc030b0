// The optimizer's kernel for GPUs, run thread by thread on the CPU.
#include "optim/gpu_sgd.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "cuda_emulation.h"
#include "optim/gpu_sgd.cuh"
#include "optim/gpu_sgd_check.h"
#include "optim/sgd.h"

namespace mosaic {
namespace {

void* no_stream() { return nullptr; }
const GpuSgd kEmulated{start_sgd, no_stream};

/// Sizes around those of vectors, of a block and of a launch; one that begins between two vectors; one in channels-last.
std::vector<at::Tensor> parameters() {
  std::vector<at::Tensor> all;
  for (const std::int64_t n : {1, 7, 8, 4095, 4096, 4097, 20'000})
    all.push_back(at::arange(n, at::kFloat).mul(0.37).sin());
  all.push_back(at::arange(5001, at::kFloat).mul(0.11).cos().narrow(0, 1, 5000));
  all.push_back(
      at::arange(6 * 5 * 3 * 3, at::kFloat).cos().view({6, 5, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast));
  for (int i = 0; i < 200; ++i) all.push_back(at::full({3}, i, at::kFloat));
  for (at::Tensor& p : all) p.requires_grad_(true);
  return all;
}

void set_gradients(const std::vector<at::Tensor>& parameters, int step) {
  for (const at::Tensor& p : parameters) p.mutable_grad() = p.detach().add(step).mul(1.7).cos();
}

at::Tensor flag(bool value) { return at::full({}, value, at::kBool); }

TEST_CASE("the optimizer's kernel for GPUs has the bits of the one for CPUs, from the first step on", "[optim]") {
  for (const bool nesterov : {false, true})
    for (const double dampening : {0.0, 0.3})
      for (const double weight_decay : {0.0, 1e-3}) {
        INFO("nesterov " << nesterov << ", dampening " << dampening << ", decay " << weight_decay);
        SgdOptions options{0.5, 0.875, weight_decay, dampening, nesterov};
        const auto on_cpu = parameters(), on_gpu = parameters();
        DecoupledSgd plain(on_cpu, options);
        options.gpu = &kEmulated;
        DecoupledSgd kernel(on_gpu, options);
        for (int step = 0; step < 3; ++step) {
          set_gradients(on_cpu, step);
          set_gradients(on_gpu, step);
          plain.step(0.1 * step);
          step == 1 ? kernel.step(0.1 * step) : kernel.step(0.1 * step, flag(true));
        }
        for (std::size_t i = 0; i < on_cpu.size(); ++i) {
          REQUIRE(at::equal(on_gpu[i], on_cpu[i]));
          REQUIRE(at::equal(kernel.momentum()[i], plain.momentum()[i]));
        }
      }
}

TEST_CASE("a step that does not proceed changes no weight and no momentum, by the kernel and by the operators",
          "[optim]") {
  auto all = parameters();
  // With gaps: no kernel takes it.
  all.push_back(at::stack({all[5].detach(), all[5].detach()}, -1).select(-1, 0).requires_grad_(true));
  DecoupledSgd sgd(all, {.initial_lr = 0.5, .momentum = 0.9, .weight_decay = 1e-3, .gpu = &kEmulated});
  set_gradients(all, 0);
  sgd.step(0.1);
  std::vector<at::Tensor> weights, momentum;
  for (const at::Tensor& p : all) weights.push_back(p.detach().clone());
  for (const at::Tensor& m : sgd.momentum()) momentum.push_back(m.clone());

  for (const at::Tensor& p : all) p.mutable_grad().fill_(std::numeric_limits<float>::quiet_NaN());
  sgd.step(0.1, flag(false));
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(at::equal(all[i], weights[i]));
    CHECK(at::equal(sgd.momentum()[i], momentum[i]));
  }
  set_gradients(all, 1);
  sgd.step(0.1, flag(true));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK_FALSE(at::equal(all[i], weights[i]));
}

TEST_CASE("without kernels on the host, a first step that does not proceed leaves no momentum", "[optim]") {
  const auto all = parameters();
  DecoupledSgd sgd(all, {.initial_lr = 0.5, .momentum = 0.9});
  set_gradients(all, 0);
  sgd.step(0.1, flag(false));
  CHECK(sgd.momentum().empty());
  CHECK(at::equal(all[3], parameters()[3]));
}

TEST_CASE("the check that a run begins with finds the optimizer's kernel right, and another one wrong", "[optim]") {
  for (const std::string& line : disagreements(kEmulated, at::kCPU)) FAIL_CHECK(line);

  GpuSgd wrong = kEmulated;
  wrong.start = [](const SgdStep& step, bool first, const std::vector<SgdTensor>& tensors, const bool*, void* stream) {
    start_sgd(step, first, tensors, nullptr, stream);  // proceeds always
  };
  const auto found = disagreements(wrong, at::kCPU);
  REQUIRE(found.size() == 4);
  CHECK(found[0].starts_with("sgd, dampening 0: differs by "));
  CHECK(found[3].starts_with("sgd with Nesterov's momentum, dampening 0.3: differs by "));
}

}  // namespace
}  // namespace mosaic
