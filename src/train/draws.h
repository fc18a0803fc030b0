#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/random.h"
#include "config/recipe.h"
#include "device/col_out.h"
#include "device/mix_up.h"

namespace mosaic {

/// The random draws of a training step, all on the host. Tests and replays script them.
class StepDraws {
 public:
  virtual ~StepDraws() = default;
  virtual KeptLines kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width,
                               const DrawKey& key) = 0;
  virtual Mix mix(const MixUpConfig& config, std::int64_t samples, const DrawKey& key) = 0;
  /// @return (blocks, samples), as `draw_keep`
  virtual at::Tensor keep(const std::vector<double>& rates, std::int64_t samples, const DrawKey& key) = 0;
};

/// Functions of (seed, step, rank, micro-batch, pass) alone.
class KeyedStepDraws : public StepDraws {
 public:
  KeptLines kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width,
                       const DrawKey& key) override;
  Mix mix(const MixUpConfig& config, std::int64_t samples, const DrawKey& key) override;
  at::Tensor keep(const std::vector<double>& rates, std::int64_t samples, const DrawKey& key) override;
};

}  // namespace mosaic
