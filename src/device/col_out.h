#pragma once

#include <ATen/core/Tensor.h>

#include "base/random.h"
#include "config/recipe.h"

namespace mosaic {

/// Leave out some rows and columns of all images of a batch: the same of each, and others in the next batch.
/// Source: no paper; Composer's method card "ColOut" describes it. Recipes section 6.9: before the images are resized.
struct KeptLines {
  at::Tensor rows, columns;  // int64, ascending: what stays
};

/// int((1 - p) H) rows and int((1 - p) W) columns, drawn without replacement, rows first. On the CPU.
KeptLines draw_kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width, KeyedRandom random);

/// @param images  (N, C, H, W)
/// @return (N, C, rows, columns), contiguous
at::Tensor col_out(const at::Tensor& images, const KeptLines& kept);

}  // namespace mosaic
