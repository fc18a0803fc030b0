#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "catch.h"
#include "image/pictures.h"

namespace mosaic {
namespace {

using test::generated_image;
using test::mirrored;

Image resized(const Image& image, Box box, int width, int height, bool flip = false) {
  ResizeScratch scratch;
  Image out{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  resize_crop(image, box, width, height, flip, scratch, out.rgb.data());
  return out;
}

Image cut(const Image& image, Box box) { return resized(image, box, box.width, box.height); }

/// The definition, one direction: 22-bit weights of a triangle, rounded sum. `size`: new length of axis `axis` (0: x).
Image scaled_by_definition(const Image& in, int axis, int size) {
  const int in_size = axis == 0 ? in.width : in.height;
  if (in_size == size) return in;
  Image out{axis == 0 ? size : in.width, axis == 0 ? in.height : size, {}};
  const double scale = static_cast<double>(in_size) / size, support = std::max(scale, 1.0);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const double centre = ((axis == 0 ? x : y) + 0.5) * scale;
      const int low = std::max(0, static_cast<int>(centre - support + 0.5));
      const int high = std::min(in_size, static_cast<int>(centre + support + 0.5));
      std::vector<double> weights;
      double sum = 0;
      for (int i = low; i < high; ++i) {
        weights.push_back(std::max(0.0, 1 - std::abs((i - centre + 0.5) * (1 / support))));
        sum += weights.back();
      }
      for (int c = 0; c < 3; ++c) {
        std::int64_t total = 1 << 21;
        for (int i = low; i < high; ++i) {
          const std::size_t pixel =
              axis == 0 ? static_cast<std::size_t>(y) * in.width + i : static_cast<std::size_t>(i) * in.width + x;
          total += in.rgb[pixel * 3 + c] * static_cast<std::int64_t>(0.5 + weights[i - low] / sum * (1 << 22));
        }
        out.rgb.push_back(static_cast<std::uint8_t>(std::clamp<std::int64_t>(total >> 22, 0, 255)));
      }
    }
  }
  return out;
}

TEST_CASE("scaling to the same size copies", "[image]") {
  const Image image = generated_image(9, 7, 1);
  CHECK(resized(image, {0, 0, 9, 7}, 9, 7).rgb == image.rgb);
  CHECK(resized(image, {2, 3, 4, 2}, 4, 2).rgb.front() == image.rgb[(3 * 9 + 2) * 3]);
}

TEST_CASE("two pixels scaled to four mix 1:3 and 3:1 between them", "[image]") {
  const Image image{2, 1, {0, 0, 0, 200, 100, 40}};
  CHECK(resized(image, {0, 0, 2, 1}, 4, 1).rgb ==
        std::vector<std::uint8_t>{0, 0, 0, 50, 25, 10, 150, 75, 30, 200, 100, 40});
}

TEST_CASE("four pixels scaled to two are averaged with a triangle four pixels wide", "[image]") {
  const Image image{4, 1, {0, 0, 0, 0, 0, 0, 240, 80, 0, 0, 80, 0}};
  // Weights 3 3 1 of the first, 1 3 3 of the second, of 7: the fourth pixel lies outside.
  CHECK(resized(image, {0, 0, 4, 1}, 2, 1).rgb == std::vector<std::uint8_t>{34, 11, 0, 103, 69, 0});
}

TEST_CASE("resizing gives the bytes of its definition, enlarged or reduced, in one direction or both", "[image]") {
  std::mt19937 random(11);
  const auto draw = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int i = 0; i < 60; ++i) {
    const Image image = generated_image(draw(1, 90), draw(1, 90), i);
    Box box;
    box.width = draw(1, image.width), box.height = draw(1, image.height);
    box.left = draw(0, image.width - box.width), box.top = draw(0, image.height - box.height);
    const int width = i % 5 == 0 ? box.width : draw(1, 80), height = i % 7 == 0 ? box.height : draw(1, 80);
    CAPTURE(i, box.width, box.height, width, height);

    const Image expected = scaled_by_definition(scaled_by_definition(cut(image, box), 0, width), 1, height);

    CHECK(resized(image, box, width, height).rgb == expected.rgb);
    CHECK(resized(image, box, width, height, true).rgb == mirrored(expected).rgb);
  }
}

TEST_CASE("scratch that has served another size changes nothing", "[image]") {
  const Image large = generated_image(200, 150, 3), small = generated_image(40, 60, 4);
  ResizeScratch scratch;
  std::vector<std::uint8_t> out(64 * 64 * 3);
  resize_crop(large, {0, 0, 200, 150}, 64, 64, false, scratch, out.data());
  resize_crop(small, {5, 5, 30, 50}, 64, 64, false, scratch, out.data());
  CHECK(out == resized(small, {5, 5, 30, 50}, 64, 64).rgb);
}

TEST_CASE("the shorter side is scaled to the size asked for, the longer one is cut to whole pixels", "[image]") {
  CHECK(resized_to_shorter(500, 375, 256) == Size{341, 256});
  CHECK(resized_to_shorter(500, 375, 232) == Size{309, 232});
  CHECK(resized_to_shorter(333, 500, 256) == Size{256, 384});
  CHECK(resized_to_shorter(256, 256, 256) == Size{256, 256});
}

TEST_CASE("the centre crop's corner is rounded half to even, and negative where the image is too small", "[image]") {
  CHECK(center_crop_corner(341, 256, 224) == Corner{58, 16});
  CHECK(center_crop_corner(309, 232, 224) == Corner{42, 4});  // 42.5
  CHECK(center_crop_corner(227, 229, 224) == Corner{2, 2});   // 1.5 and 2.5
  CHECK(center_crop_corner(221, 224, 224) == Corner{-1, 0});  // three columns are missing, one of them on the left
}

TEST_CASE("the evaluation view is resize, then crop from the centre, black around what is too small", "[image]") {
  std::mt19937 random(5);
  const auto draw = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int i = 0; i < 60; ++i) {
    const Image image = generated_image(draw(1, 90), draw(1, 90), i);
    const int resize = i % 4 == 0 ? -1 : draw(1, 60), crop = draw(1, 70);
    CAPTURE(i, image.width, image.height, resize, crop);
    const Size size =
        resize > 0 ? resized_to_shorter(image.width, image.height, resize) : Size{image.width, image.height};
    const Image whole = resized(image, {0, 0, image.width, image.height}, size.width, size.height);
    const Corner corner = center_crop_corner(size.width, size.height, crop);
    std::vector<std::uint8_t> expected;
    for (int y = corner.top; y < corner.top + crop; ++y)
      for (int x = corner.left; x < corner.left + crop; ++x)
        for (int c = 0; c < 3; ++c) {
          const bool inside = x >= 0 && y >= 0 && x < size.width && y < size.height;
          expected.push_back(inside ? whole.rgb[(static_cast<std::size_t>(y) * size.width + x) * 3 + c] : 0);
        }

    ResizeScratch scratch;
    std::vector<std::uint8_t> out(static_cast<std::size_t>(crop) * crop * 3, 99);
    resize_center_crop(image, resize, crop, scratch, out.data());

    CHECK(out == expected);
  }
}

}  // namespace
}  // namespace mosaic
