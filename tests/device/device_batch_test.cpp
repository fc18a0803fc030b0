#include "device/device_batch.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

TEST_CASE("every byte of every channel is normalised as the reference does, bit for bit", "[device][golden]") {
  const auto path = test::golden_path("optim.safetensors");
  if (!path) return;
  const at::Tensor expected = test::tensor_of(SafetensorsFile(*path).get("normalise.table"));  // (3, 256)
  const at::Tensor bytes = at::arange(256, at::kByte).view({1, 16, 16, 1}).expand({1, 16, 16, 3}).contiguous();
  CHECK(at::equal(normalise(bytes, at::kFloat).view({3, 256}), expected));
}

TEST_CASE("a host batch arrives in planes or in the order of its bytes, with its labels", "[device]") {
  const auto slab = std::make_shared<Slab>();
  slab->size = 2, slab->side = 2;
  for (int i = 0; i < 24; ++i) slab->images.push_back(static_cast<std::uint8_t>(i));
  slab->labels = {7, 9};
  const Batch batch = to_device(slab, at::kCPU, at::kDouble);
  CHECK(batch.images.sizes() == at::IntArrayRef({2, 3, 2, 2}));
  CHECK(batch.images.is_contiguous());
  CHECK(batch.images[1][2][0][1].item<double>() == Approx((17 - 103.53) / 57.375).epsilon(1e-6));
  CHECK(at::equal(batch.labels, at::tensor({7, 9}, at::kLong)));
  const Batch last = to_device(slab, at::kCPU, at::kDouble, at::MemoryFormat::ChannelsLast);
  CHECK(last.images.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(at::equal(last.images, batch.images));
}

}  // namespace
}  // namespace mosaic
