#include "device/resize_nearest.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "device/host_copy.h"

namespace mosaic {
namespace {

/// The pixel that each pixel of the result comes from. Not left to LibTorch's interpolation, which computes in float64 for
/// float64 images, and then picks other pixels.
at::Tensor sources(std::int64_t size, double scale) {
  const auto step = static_cast<float>(1 / scale);
  std::vector<std::int64_t> all(static_cast<std::size_t>(static_cast<double>(size) * scale));
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = std::min(static_cast<std::int64_t>(std::floor(static_cast<float>(i) * step)), size - 1);
  return at::tensor(all, at::kLong);
}

}  // namespace

at::Tensor resize_nearest(const at::Tensor& images, double scale) {
  if (scale >= 1) return images;
  const at::Tensor rows = sent_to(images.device(), sources(images.size(2), scale).unsqueeze(1));
  const at::Tensor columns = sent_to(images.device(), sources(images.size(3), scale));
  return at::index(images, {std::nullopt, std::nullopt, rows, columns});
}

}  // namespace mosaic
