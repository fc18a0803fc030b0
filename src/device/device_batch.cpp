#include "device/device_batch.h"

#include <ATen/ATen.h>

#include "device/pinned_memory.h"

namespace mosaic {

at::Tensor normalise(const at::Tensor& images, at::ScalarType type) {
  const auto channel_values = [&](float r, float g, float b) {
    return at::tensor({r, g, b}).view({1, 3, 1, 1}).to(images.device(), type);
  };
  // Computed each time: three numbers, and no state that a second device or type could find wrong.
  const at::Tensor mean = channel_values(123.675f, 116.28f, 103.53f);
  const at::Tensor std = channel_values(58.395f, 57.12f, 57.375f);
  return images.permute({0, 3, 1, 2}).to(type, false, true, at::MemoryFormat::Contiguous).sub_(mean).div_(std);
}

Batch to_device(const HostBatch& host, at::Device device, at::ScalarType type) {
  // LibTorch's views of foreign memory are not const; nothing here writes to them.
  const at::Tensor images =
      at::from_blob(const_cast<std::uint8_t*>(host->images.data()), {host->size, host->side, host->side, 3}, at::kByte);
  const at::Tensor labels = at::from_blob(const_cast<std::int64_t*>(host->labels.data()), {host->size}, at::kLong);
  if (!device.is_cuda() || !pin(*host))
    return {.images = normalise(images.to(device), type), .labels = labels.to(device, at::kLong, false, true)};
  const at::Tensor copied = images.to(device, at::kByte, true);
  Batch batch{.images = {}, .labels = labels.pin_memory().to(device, at::kLong, true)};
  batch.source = keep_until_copied(host, device);
  batch.images = normalise(copied, type);
  return batch;
}

}  // namespace mosaic
