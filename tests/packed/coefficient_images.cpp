#include "packed/coefficient_images.h"

#include <algorithm>

#include "base/random.h"

namespace mosaic::test {
namespace {

int divide_up(int a, int b) { return (a + b - 1) / b; }

void fill_block(std::int16_t* block, int dc, KeyedRandom& random) {
  block[0] = static_cast<std::int16_t>(dc);
  const auto busy = random.uniform_int(6);  // some blocks are flat, some full of detail
  for (int i = 1; i < 64; ++i) {
    const int frequency = i / 8 + i % 8;
    if (random.uniform_int(2 + frequency) > busy / 2) continue;
    const int most = std::max(1, 60 >> frequency);
    block[i] = static_cast<std::int16_t>(random.uniform_int(2 * most + 1) - most);
  }
  if (random.uniform_int(20) == 0)
    block[random.uniform_int(63) + 1] = static_cast<std::int16_t>(random.uniform_int(2) == 0 ? 190 : -190);
}

}  // namespace

const std::vector<Sampling>& samplings() {
  static const std::vector<Sampling> kAll = {
      {"grey", {1}, {1}},
      {"grey, with factors of no use", {2}, {2}},
      {"4:4:4", {1, 1, 1}, {1, 1, 1}},
      {"4:4:4, written as 2 x 1", {2, 2, 2}, {1, 1, 1}},
      {"4:2:0", {2, 1, 1}, {2, 1, 1}},
      {"4:2:2", {2, 1, 1}, {1, 1, 1}},
      {"4:2:2, written as 2 x 2", {2, 1, 1}, {2, 2, 2}},
      {"4:4:0", {1, 1, 1}, {2, 1, 1}},
      {"Cb smaller than Cr", {2, 1, 2}, {2, 1, 2}},
      {"Cb narrow, Cr low", {2, 1, 2}, {2, 2, 1}},
  };
  return kAll;
}

JpegCoefficients coefficient_image(int width, int height, const Sampling& sampling, std::uint64_t seed) {
  JpegCoefficients image{.width = width, .height = height, .components = {}};
  KeyedRandom random{seed, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height)};
  const bool grey = sampling.h.size() == 1;
  for (std::size_t c = 0; c < sampling.h.size(); ++c) {
    JpegCoefficients::Component& to = image.components.emplace_back();
    to.h = sampling.h[c];
    to.v = sampling.v[c];
    to.blocks_x = divide_up(divide_up(width, grey ? 1 : sampling.h[0] / to.h), 8);
    to.blocks_y = divide_up(divide_up(height, grey ? 1 : sampling.v[0] / to.v), 8);
    for (int i = 0; i < 64; ++i)
      to.quant[i] = static_cast<std::uint16_t>(2 + (i / 8 + i % 8) / 2 + random.uniform_int(2));
    to.blocks.resize(std::size_t{64} * to.blocks_x * to.blocks_y);
    int dc = 0;
    for (std::size_t b = 0; b < to.blocks.size(); b += 64) {
      dc = std::clamp(dc + static_cast<int>(random.uniform_int(161)) - 80, -400, 400);
      fill_block(&to.blocks[b], dc, random);
    }
  }
  return image;
}

}  // namespace mosaic::test
