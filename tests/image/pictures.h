#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "image/image.h"

namespace mosaic::test {

/// The pictures of the golden vectors: smooth ramps and noise from splitmix64 (tests/golden: "Generated images").
Image generated_image(int width, int height, std::uint64_t seed);

std::string sha256_of(std::span<const std::uint8_t> bytes);

/// Left and right exchanged.
Image mirrored(const Image& image);

}  // namespace mosaic::test
