#include <cmath>
#include <cstdlib>

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

/// Mean difference of the bytes.
double mean_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

TEST_CASE("decoding at half the size shows the same crop, nearly; where it does not apply, exactly", "[packed]") {
  for (const auto& sampling : test::samplings()) {
    const auto jpeg = write_jpeg(test::coefficient_image(257, 199, sampling, 5));
    const Image image = decode_file(jpeg);
    std::vector<std::byte> record;
    REQUIRE(pack_jpeg(jpeg, image, record) == "");
    const StoredImage stored{StoredKind::kPackedJpeg, 257, 199, record};
    std::vector<std::vector<std::uint8_t>> of_kernels;
    for (const Kernels* kernels : usable_kernels()) {
      StoredDecoder decoder(*kernels);
      KeyedRandom random{31};
      std::vector<std::uint8_t> all;
      double difference = 0;
      constexpr int kCrops = 60;
      for (int i = 0; i < kCrops; ++i) {
        const int side = 1 + draw(random, 60), width = 2 * side + draw(random, 257 - 2 * side),
                  height = 2 * side + draw(random, 199 - 2 * side);
        const Box box{draw(random, 257 - width + 1), draw(random, 199 - height + 1), width, height};
        const bool flip = draw(random, 2) == 1;
        CAPTURE(kernels->name, sampling.name, side, box.left, box.top, width, height, flip);
        std::vector<std::uint8_t> exact(static_cast<std::size_t>(side) * side * 3), half(exact);
        decoder.decode_crop(stored, box, side, flip, exact.data());
        decoder.decode_crop_half(stored, box, side, flip, half.data());
        difference += mean_difference(exact, half) / kCrops;
        all.insert(all.end(), half.begin(), half.end());

        const int large = width / 2 + 1;  // more than half of the box
        exact.resize(static_cast<std::size_t>(large) * large * 3);
        half = exact;
        decoder.decode_crop(stored, box, large, flip, exact.data());
        decoder.decode_crop_half(stored, box, large, flip, half.data());
        REQUIRE(half == exact);
      }
      INFO(sampling.name << ": " << difference);
      CHECK(difference < 3);
      of_kernels.push_back(std::move(all));
    }
    for (const auto& one : of_kernels) CHECK(one == of_kernels.front());
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
