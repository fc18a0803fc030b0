#pragma once

#include <ATen/core/Tensor.h>

#include "base/random.h"
#include "config/recipe.h"

namespace mosaic {

/// Each image of a batch becomes a mixture with another image of the same batch, and so does its target.
/// Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018, arXiv:1710.09412, section 2.
/// Differs: the smaller of lambda and 1 - lambda goes to the partner; where labels are smoothed, the partner's label is
/// not. Recipes section 6.7.
struct Mix {
  double coefficient = 0;  // share of the partner, in [0, 0.5]; one for the whole batch
  at::Tensor partners;     // int64 (N), a permutation: image i is mixed with image partners[i]
};

/// min(lambda, 1 - lambda) with lambda from Beta(alpha, alpha), and partners for `samples` images. On the CPU.
Mix draw_mix(const MixUpConfig& config, std::int64_t samples, KeyedRandom random);

/// A draw from Beta(alpha, alpha), alpha > 0.
double draw_beta(double alpha, KeyedRandom& random);

/// @param images  (N, 3, S, S)
at::Tensor mix_images(const at::Tensor& images, const Mix& mix);

/// @param targets  dense (N, classes), smoothed or not: of the images themselves
/// @param sharp    dense (N, classes), one-hot: of the images as partners
at::Tensor mix_targets(const at::Tensor& targets, const at::Tensor& sharp, const Mix& mix);

}  // namespace mosaic
