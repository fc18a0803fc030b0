#include "device/device_batch.h"

#include <ATen/ATen.h>

#ifdef MOSAIC_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include "base/error.h"
#include "base/log.h"
#include "device/gpu_normalise.h"
#include "device/host_copy.h"
#include "device/pinned_memory.h"

namespace mosaic {
namespace {

constexpr NormaliseConstants kImageNet{{123.675f, 116.28f, 103.53f}, {58.395f, 57.12f, 57.375f}};

/// (1, 3, 1, 1). Computed each time: three numbers, and no state that a second device or type could find wrong.
at::Tensor channel_values(const float (&v)[3], at::Device device, at::ScalarType type) {
  return sent_to(device, at::tensor({v[0], v[1], v[2]}).view({1, 3, 1, 1}).to(type));
}

at::Tensor by_operators(const at::Tensor& images, at::ScalarType type, at::MemoryFormat layout) {
  const at::Tensor mean = channel_values(kImageNet.mean, images.device(), type);
  const at::Tensor std = channel_values(kImageNet.std, images.device(), type);
  return images.permute({0, 3, 1, 2}).to(type, false, true, layout).sub_(mean).div_(std);
}

#ifdef MOSAIC_CUDA

/// On a GPU, to float32 in channels-last.
at::Tensor by_kernel(const at::Tensor& images) {
  const at::Tensor bytes = images.contiguous(), to = at::empty(bytes.sizes(), bytes.options().dtype(at::kFloat));
  if (to.numel() > 0)
    start_normalise(bytes.const_data_ptr<std::uint8_t>(), bytes.numel(), kImageNet, to.mutable_data_ptr<float>(),
                    c10::cuda::getCurrentCUDAStream().stream());
  return to.permute({0, 3, 1, 2});
}

/// Whether the kernel computes what it should on this process's GPU: looked at once, on images whose bytes are no whole
/// number of the kernel's pieces.
bool can_use_kernel(at::Device device) {
  static const bool agrees = [&] {
    const at::Tensor images =
        at::arange(3 * 7 * 5 * 3, at::TensorOptions(device)).mul(37).remainder(256).to(at::kByte).view({3, 7, 5, 3});
    const at::Tensor expected = by_operators(images, at::kFloat, at::MemoryFormat::ChannelsLast);
    const double difference = (by_kernel(images) - expected).abs().max().item<double>();
    if (difference <= 1e-6) return true;  // a NaN is not
    log_warning(str("GPU kernel normalise: differs from LibTorch's operators by ", difference,
                    ", expected at most 1e-6: they are used instead"));
    return false;
  }();
  return agrees;
}

#endif

}  // namespace

at::Tensor normalise(const at::Tensor& images, at::ScalarType type, at::MemoryFormat layout) {
#ifdef MOSAIC_CUDA
  if (images.is_cuda() && type == at::kFloat && layout == at::MemoryFormat::ChannelsLast &&
      can_use_kernel(images.device()))
    return by_kernel(images);
#endif
  return by_operators(images, type, layout);
}

at::Tensor pixels_of(const at::Tensor& normalised) {
  const at::Tensor mean = channel_values(kImageNet.mean, at::kCPU, at::kFloat);
  const at::Tensor std = channel_values(kImageNet.std, at::kCPU, at::kFloat);
  const at::Tensor values = normalised.cpu().to(at::kFloat) * std + mean;
  return values.round().clamp(0, 255).to(at::kByte).permute({0, 2, 3, 1}).contiguous();
}

Batch to_device(const HostBatch& host, at::Device device, at::ScalarType type, at::MemoryFormat layout) {
  // LibTorch's views of foreign memory are not const; nothing here writes to them.
  const at::Tensor images =
      at::from_blob(const_cast<std::uint8_t*>(host->images.data()), {host->size, host->side, host->side, 3}, at::kByte);
  const at::Tensor labels = at::from_blob(const_cast<std::int64_t*>(host->labels.data()), {host->size}, at::kLong);
  if (!device.is_cuda() || !pin(*host))
    return {.images = normalise(images.to(device), type, layout), .labels = labels.to(device, at::kLong, false, true)};
  const at::Tensor copied = images.to(device, at::kByte, true);
  Batch batch{.images = {}, .labels = labels.pin_memory().to(device, at::kLong, true)};
  batch.source = keep_until_copied(host, device);
  batch.images = normalise(copied, type, layout);
  return batch;
}

}  // namespace mosaic
