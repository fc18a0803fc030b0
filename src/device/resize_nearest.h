#pragma once

#include <ATen/core/Tensor.h>

namespace mosaic {

/// Shrink images by nearest neighbour as the reference does it in progressive resizing: int(H scale) x int(W scale), where
/// pixel i comes from pixel min(floor(float(i) * float(1 / scale)), W - 1). The size may be one short of the intended one:
/// 176 pixels at 120 / 176 become 119. Recipes section 6.5.
/// @param images  (N, C, H, W), floating
/// @param scale   1 and more: returned as they are
at::Tensor resize_nearest(const at::Tensor& images, double scale);

}  // namespace mosaic
