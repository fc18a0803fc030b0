#pragma once

#include <cstdint>
#include <vector>

#include "config/recipe.h"

namespace mosaic {

/// Train on small images first: pure functions of the progress, so that a loader can ask about batches to come.
/// Source: Howard and Gugger, Deep Learning for Coders with fastai and PyTorch, O'Reilly 2020 (fastbook), chapter 7; numbers
/// and rounding of the published recipes (recipes sections 6.5 and 8.1).
/// Differs: the scale grows linearly with the progress, in place of a few stages; a side is never rounded to 0.
///
/// Two modes. `device_nearest` is the reference's: every image comes to the device at its full side and is shrunk there, by
/// nearest neighbour. `loader`: the loader crops and scales straight to the small side, antialiased.
///
/// `elapsed` is the share of the run that is done, in [0, 1], in the unit of its duration: a run of 90ep asks for epoch / 90,
/// and so has one side for a whole epoch.

/// Side / full side, before rounding: initial_scale during the first delay_fraction of the run, 1 during its last
/// finetune_fraction, linear between.
double resize_scale(const ProgressiveResizingConfig& config, double elapsed);

/// Mode `loader`: the side of the crop, `full_side` scaled and rounded to a multiple of size_increment (halves to the even
/// multiple), at least one of them; `full_side` itself where that is not smaller, and where the scale is 1.
int loader_side(const ProgressiveResizingConfig& config, int full_side, double elapsed);

/// Mode `device_nearest`: the factor that width and height are scaled by, 1 if the images stay as they are. It makes the
/// width a multiple of size_increment, but for the rounding of `nearest_size`; at full scale too: 65 pixels become 64.
/// @param width  of the images on the device: after ColOut
double nearest_scale(const ProgressiveResizingConfig& config, int width, double elapsed);

/// Width or height after scaling: int(size * scale) in double, so that 176 * (120 / 176) is 119, as in the reference.
int nearest_size(int size, double scale);

/// Which column (row) of the input each of the output is: min(floor(float(i) * float(1 / scale)), size - 1), as LibTorch has
/// it for a given scale. `nearest_size(size, scale)` numbers. @param scale  in (0, 1]
std::vector<std::int64_t> nearest_indices(int size, double scale);

}  // namespace mosaic
