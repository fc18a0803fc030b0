#include "base/random.h"
#include "catch.h"
#include "image/decode.h"
#include "image/resize.h"
#include "packed/coefficient_images.h"
#include "packed/pack_jpeg.h"
#include "packed/stored_decoder.h"

namespace mosaic {
namespace {

int draw(KeyedRandom& random, int bound) { return static_cast<int>(random.uniform_int(bound)); }

/// Boxes at all borders, of single pixels and rows, and anywhere.
Box draw_box(KeyedRandom& random, int width, int height) {
  switch (draw(random, 6)) {
    case 0:
      return {0, 0, width, height};
    case 1:
      return {draw(random, width), draw(random, height), 1, 1};
    case 2:
      return {0, draw(random, height), width, 1};
    case 3:
      return {draw(random, width), 0, 1, height};
    default: {
      const int left = draw(random, width), top = draw(random, height);
      return {left, top, 1 + draw(random, width - left), 1 + draw(random, height - top)};
    }
  }
}

TEST_CASE("any crop of a packed JPEG has the bytes of libjpeg's decode and Pillow's resize", "[packed]") {
  for (const Kernels* kernels : usable_kernels()) {
    StoredDecoder decoder(*kernels);
    ResizeScratch scratch;
    KeyedRandom random{11};
    for (const auto& sampling : test::samplings())
      for (const auto& [width, height] :
           {std::pair{1, 1}, {2, 5}, {4, 3}, {5, 4}, {6, 6}, {16, 16}, {31, 33}, {130, 70}, {257, 263}}) {
        CAPTURE(kernels->name, sampling.name, width, height);
        const auto jpeg = write_jpeg(test::coefficient_image(width, height, sampling, 12));
        const Image image = decode_file(jpeg);
        std::vector<std::byte> record;
        REQUIRE(pack_jpeg(jpeg, image, record) == "");
        const StoredImage stored{StoredKind::kPackedJpeg, width, height, record};
        for (int i = 0; i < 40; ++i) {
          const Box box = draw_box(random, width, height);
          const int side = 1 + draw(random, i % 4 == 0 ? 300 : 80);
          const bool flip = draw(random, 2) == 1;
          CAPTURE(box.left, box.top, box.width, box.height, side, flip);
          const std::size_t bytes = static_cast<std::size_t>(side) * side * 3;
          std::vector<std::uint8_t> expected(bytes), got(bytes);
          resize_crop(image, box, side, side, flip, scratch, expected.data());
          decoder.decode_crop(stored, box, side, flip, got.data());
          REQUIRE(got == expected);
        }
      }
  }
}

TEST_CASE("the evaluation view of a packed JPEG is that of the file", "[packed]") {
  ResizeScratch scratch;
  for (const auto& sampling : test::samplings())
    for (const auto& [width, height] : {std::pair{30, 200}, {200, 30}, {97, 101}, {320, 240}}) {
      const auto jpeg = write_jpeg(test::coefficient_image(width, height, sampling, 13));
      const Image image = decode_file(jpeg);
      std::vector<std::byte> record;
      REQUIRE(pack_jpeg(jpeg, image, record) == "");
      for (const auto& [resize, crop] : {std::pair{64, 56}, {0, 64}, {40, 64}, {256, 224}}) {
        const std::size_t bytes = static_cast<std::size_t>(crop) * crop * 3;
        std::vector<std::uint8_t> expected(bytes), got(bytes);
        resize_center_crop(image, resize, crop, scratch, expected.data());
        for (const Kernels* kernels : usable_kernels()) {
          CAPTURE(kernels->name, sampling.name, width, height, resize, crop);
          StoredDecoder(*kernels).decode_center_crop({StoredKind::kPackedJpeg, width, height, record}, resize, crop,
                                                     got.data());
          REQUIRE(got == expected);
        }
      }
    }
}

}  // namespace
}  // namespace mosaic
