#include "image/pictures.h"

#include <algorithm>

#include "base/sha256.h"

namespace mosaic::test {

Image generated_image(int width, int height, std::uint64_t seed) {
  Image image{width, height, {}};
  image.rgb.reserve(static_cast<std::size_t>(width) * height * 3);
  std::uint64_t state = seed;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        std::uint64_t z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        const int noise = static_cast<int>(z >> 56);
        image.rgb.push_back(static_cast<std::uint8_t>((3 * (x ^ y) + 5 * c * x + 7 * y + (noise >> 2)) & 255));
      }
    }
  }
  return image;
}

std::string sha256_of(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(bytes));
  return hash.hex();
}

Image mirrored(const Image& image) {
  Image result = image;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      std::copy_n(&image.rgb[(static_cast<std::size_t>(y) * image.width + x) * 3], 3,
                  &result.rgb[(static_cast<std::size_t>(y) * image.width + image.width - 1 - x) * 3]);
  return result;
}

}  // namespace mosaic::test
