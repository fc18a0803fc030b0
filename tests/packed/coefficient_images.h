#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/jpeg_coefficients.h"

namespace mosaic::test {

/// Sampling factors of the components: {{1, 1}} is grey, {{2, 2}, {1, 1}, {1, 1}} is 4:2:0.
struct Sampling {
  std::string name;
  std::vector<int> h, v;
};

/// All that a record can have, in several spellings.
const std::vector<Sampling>& samplings();

/// An image with coefficients like a photo's: a random walk of DC, AC that get rarer and smaller with frequency, now and
/// then one that needs a patch. A function of its arguments.
JpegCoefficients coefficient_image(int width, int height, const Sampling& sampling, std::uint64_t seed);

}  // namespace mosaic::test
