#include "device/col_out.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "device/host_copy.h"

namespace mosaic {
namespace {

at::Tensor draw_lines(std::int64_t lines, double share_left_out, KeyedRandom& random) {
  const auto kept = static_cast<std::int64_t>((1 - share_left_out) * static_cast<double>(lines));
  auto chosen = random_order(lines, kept, random);
  std::sort(chosen.begin(), chosen.end());
  return at::tensor(chosen, at::kLong);
}

}  // namespace

KeptLines draw_kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width, KeyedRandom random) {
  const at::Tensor rows = draw_lines(height, config.p_row, random);
  return {.rows = rows, .columns = draw_lines(width, config.p_col, random)};
}

at::Tensor col_out(const at::Tensor& images, const KeptLines& kept) {
  const at::Tensor rows = sent_to(images.device(), kept.rows), columns = sent_to(images.device(), kept.columns);
  return images.index_select(2, rows).index_select(3, columns);
}

}  // namespace mosaic
