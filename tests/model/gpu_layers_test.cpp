// The kernels for GPUs, run thread by thread on the CPU: against LibTorch's operators, by the same check that a run on
// a GPU begins with.
#include "model/gpu_layers.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "catch.h"
#include "cuda_emulation.h"
#include "model/gpu_batch_norm.cuh"
#include "model/gpu_blur.cuh"
#include "model/gpu_check.h"

namespace mosaic {
namespace {

GpuKernels emulated_kernels() {
  return {{kGpuBatchNorm<float>, kGpuBlur<float>},
          {kGpuBatchNorm<Float16>, kGpuBlur<Float16>},
          {kGpuBatchNorm<Bfloat16>, kGpuBlur<Bfloat16>},
          [] { return static_cast<void*>(nullptr); }};
}

TEST_CASE("kernels for GPUs compute what LibTorch's operators do, in all types and sizes", "[model]") {
  const GpuKernels kernels = emulated_kernels();
  for (const std::string& line : disagreements(GpuLayers(kernels), at::kCPU)) FAIL_CHECK(line);
}

TEST_CASE("a kernel that computes something else is found by name, with the difference", "[model]") {
  const auto found_in = [](const GpuKernels& kernels) { return disagreements(GpuLayers(kernels), at::kCPU); };
  GpuKernels wrong = emulated_kernels();
  wrong.bfloat16.batch_norm.relu_forward = [](const Bfloat16*, const GpuRows& rows, const Normalisation&, Bfloat16* y,
                                              void*) { std::fill_n(y, rows.rows * rows.channels, Bfloat16{0}); };
  const auto found = found_in(wrong);
  REQUIRE(found.size() == 2 * 4);  // with moving and with frozen statistics, in each size
  for (const std::string& line : found) {
    CHECK(line.starts_with("norm_relu"));
    CHECK(line.find("in BFloat16 on ") != std::string::npos);
    CHECK(line.ends_with("of the largest value, expected at most 0.03"));
  }

  wrong = emulated_kernels();
  wrong.float16.blur.backward_halving = [](const Float16*, std::int64_t images, const BlurSize& size, Float16* to,
                                           void*) {
    std::fill_n(to, images * size.height * size.width * size.channels, narrow<Float16>(1));
  };
  const auto blurred = found_in(wrong);
  REQUIRE_FALSE(blurred.empty());
  for (const std::string& line : blurred) CHECK(line.starts_with("blur with stride 2: gradient in Half on "));
}

}  // namespace
}  // namespace mosaic
