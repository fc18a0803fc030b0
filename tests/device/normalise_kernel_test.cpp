// The kernel for GPUs, run thread by thread on the CPU: against the operators, bit for bit.
#include <ATen/ATen.h>

#include <vector>

#include "catch.h"
#include "cuda_emulation.h"
#include "device/device_batch.h"
#include "device/gpu_normalise.cuh"

namespace mosaic {
namespace {

TEST_CASE("the kernel normalises every byte of every channel as the operators do, and writes nothing else",
          "[device]") {
  const NormaliseConstants constants{{123.675f, 116.28f, 103.53f}, {58.395f, 57.12f, 57.375f}};
  for (const std::int64_t pixels : {1, 5, 16, 1365, 1367})  // less than a piece, whole pieces, several blocks
    for (const std::int64_t shift : {0, 1}) {               // aligned or not
      INFO(pixels << " pixels, shifted by " << shift);
      const at::Tensor all = at::arange(shift + pixels * 3).mul(37).remainder(256).to(at::kByte);
      const at::Tensor images = all.narrow(0, shift, pixels * 3).view({1, pixels, 1, 3});
      const at::Tensor expected = normalise(images, at::kFloat, at::MemoryFormat::ChannelsLast);
      std::vector<float> to(static_cast<std::size_t>(pixels * 3 + 1), 99);
      start_normalise_kernel(images.const_data_ptr<std::uint8_t>(), pixels * 3, constants, to.data(), nullptr);
      CHECK(to.back() == 99);
      CHECK(at::equal(at::from_blob(to.data(), {1, pixels, 1, 3}), expected.permute({0, 2, 3, 1})));
    }
}

}  // namespace
}  // namespace mosaic
