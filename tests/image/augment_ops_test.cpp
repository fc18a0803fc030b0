#include <algorithm>
#include <vector>

#include "catch.h"
#include "image/augment_enhance.h"
#include "image/augment_geometry.h"
#include "image/augment_tone.h"
#include "image/pictures.h"

namespace mosaic {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Three equal channels of the given values.
Image grey(int width, int height, const Bytes& values) {
  Image image{width, height, {}};
  for (const std::uint8_t v : values) image.rgb.insert(image.rgb.end(), 3, v);
  return image;
}

template <class Operation, class... Parameter>
Bytes result(Operation operation, const Image& image, Parameter... parameter) {
  Bytes out(image.rgb.size(), 99);
  operation(image, parameter..., out.data());
  return out;
}

TEST_CASE("autocontrast stretches each channel on its own, and leaves one of a single value", "[image]") {
  const Image image{3, 1, {10, 0, 7, 20, 128, 7, 30, 255, 7}};
  CHECK(result(autocontrast, image) == Bytes{0, 0, 7, 127, 128, 7, 255, 255, 7});
}

TEST_CASE("equalize spreads values by how often they occur", "[image]") {
  Bytes values(513, 10);  // step: 510 / 255 = 2 pixels per value; those of the highest value do not count for it
  std::fill(values.end() - 3, values.end(), std::uint8_t{200});
  const Bytes out = result(equalize, grey(27, 19, values));
  CHECK(out.front() == 0);   // half a step before it
  CHECK(out.back() == 255);  // (1 + 510) / 2
}

TEST_CASE("equalize leaves what has too few pixels to spread", "[image]") {
  const Image image = grey(4, 1, {1, 2, 3, 3});
  CHECK(result(equalize, image) == image.rgb);
  const Image flat = grey(2, 1, {7, 7});
  CHECK(result(equalize, flat) == flat.rgb);
}

TEST_CASE("posterize keeps high bits, solarize inverts from its threshold on", "[image]") {
  const Image image = grey(4, 1, {0, 127, 128, 255});
  CHECK(result(posterize, image, 1) == grey(4, 1, {0, 0, 128, 128}).rgb);
  CHECK(result(posterize, image, 8) == image.rgb);
  CHECK(result(posterize, image, 0) == grey(4, 1, {0, 0, 0, 0}).rgb);
  CHECK(result(solarize, image, 128) == grey(4, 1, {0, 127, 127, 0}).rgb);
  CHECK(result(solarize, image, 256) == image.rgb);
}

TEST_CASE("translation moves to the left and upwards, and fills with black", "[image]") {
  const Image image = grey(3, 2, {1, 2, 3, 4, 5, 6});
  CHECK(result(translate_x, image, 1) == grey(3, 2, {2, 3, 0, 5, 6, 0}).rgb);
  CHECK(result(translate_x, image, -2) == grey(3, 2, {0, 0, 1, 0, 0, 4}).rgb);
  CHECK(result(translate_y, image, 1) == grey(3, 2, {4, 5, 6, 0, 0, 0}).rgb);
  CHECK(result(translate_y, image, -5) == grey(3, 2, {0, 0, 0, 0, 0, 0}).rgb);
}

TEST_CASE("shear slides each row or column further than the one before, between pixels where it must", "[image]") {
  const Image image = grey(3, 2, {0, 100, 200, 0, 100, 200});
  // Half a pixel per row, from the centre of the first row on: by 1/4 and 3/4 of a pixel.
  CHECK(result(shear_x, image, 0.5) == grey(3, 2, {25, 125, 200, 75, 175, 0}).rgb);
  const Image upright = grey(2, 3, {0, 0, 100, 100, 200, 200});
  CHECK(result(shear_y, upright, 0.5) == grey(2, 3, {25, 75, 125, 175, 200, 0}).rgb);
}

TEST_CASE("rotation is counter-clockwise about the centre; by 0 degrees it copies", "[image]") {
  Bytes values(81);
  values[4 * 9 + 7] = 255;  // right of the centre
  const Image image = grey(9, 9, values);
  CHECK(result(rotate, image, 0) == image.rgb);
  const auto where = [](const Bytes& rgb) { return std::max_element(rgb.begin(), rgb.end()) - rgb.begin(); };
  CHECK(where(result(rotate, image, 45)) == (2 * 9 + 6) * 3);   // up and to the right
  CHECK(where(result(rotate, image, -45)) == (6 * 9 + 6) * 3);  // down
  CHECK(result(rotate, image, 30)[(4 * 9 + 4) * 3] == 0);
}

TEST_CASE("an affine map can exchange the axes", "[image]") {
  const Image image = grey(2, 2, {1, 2, 3, 4});
  CHECK(result(affine, image, Affine{0, 1, 0, 1, 0, 0}) == grey(2, 2, {1, 3, 2, 4}).rgb);
}

TEST_CASE("factor 0 is the poorer image, factor 1 the image itself", "[image]") {
  const Image image = test::generated_image(7, 5, 3);
  CHECK(result(color, image, 1.0) == image.rgb);
  CHECK(result(contrast, image, 1.0) == image.rgb);
  CHECK(result(brightness, image, 1.0) == image.rgb);
  CHECK(result(sharpness, image, 1.0) == image.rgb);

  const Image primaries{3, 1, {255, 0, 0, 0, 255, 0, 0, 0, 255}};  // luma 76, 150, 29: mean 85
  CHECK(result(color, primaries, 0.0) == grey(3, 1, {76, 150, 29}).rgb);
  CHECK(result(contrast, primaries, 0.0) == grey(3, 1, {85, 85, 85}).rgb);
  CHECK(result(brightness, primaries, 0.0) == Bytes(9, 0));
}

TEST_CASE("factors beyond 1 are cut to whole numbers and limited to a byte", "[image]") {
  const Image image = grey(3, 1, {1, 101, 201});  // mean 101
  CHECK(result(brightness, image, 1.5) == grey(3, 1, {1, 151, 255}).rgb);
  CHECK(result(contrast, image, 2.0) == grey(3, 1, {0, 101, 255}).rgb);
}

TEST_CASE("sharpness works on the inside only", "[image]") {
  const Image dot = grey(3, 3, {0, 0, 0, 0, 130, 0, 0, 0, 0});
  CHECK(result(sharpness, dot, 0.0) == grey(3, 3, {0, 0, 0, 0, 50, 0, 0, 0, 0}).rgb);  // 5 / 13
  CHECK(result(sharpness, dot, 2.0) == grey(3, 3, {0, 0, 0, 0, 210, 0, 0, 0, 0}).rgb);
  const Image narrow = test::generated_image(2, 6, 4);
  CHECK(result(sharpness, narrow, 0.0) == narrow.rgb);
}

}  // namespace
}  // namespace mosaic
