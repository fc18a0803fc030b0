#include <algorithm>

#include "base/random.h"
#include "catch.h"
#include "image/decode.h"
#include "packed/block_code.h"
#include "packed/coefficient_images.h"
#include "packed/decode_record.h"
#include "packed/encode_record.h"
#include "packed/pack_jpeg.h"
#include "packed/stored_decoder.h"
#include "support.h"

namespace mosaic {
namespace {

using test::coefficient_image;
using test::message_of;
using test::samplings;

std::vector<std::byte> encoded(const JpegCoefficients& image) {
  std::vector<std::byte> record;
  REQUIRE(encode_record(image, record) == "");
  return record;
}

const test::Sampling& yuv420() { return samplings()[4]; }

TEST_CASE("a record gives back every coefficient, for all samplings and odd sizes", "[packed]") {
  for (const auto& sampling : samplings())
    for (const auto& [width, height] : {std::pair{1, 1}, {3, 2}, {8, 8}, {17, 9}, {16, 33}, {129, 65}, {300, 41}}) {
      CAPTURE(sampling.name, width, height);
      const JpegCoefficients image = coefficient_image(width, height, sampling, 1);
      const auto record = encoded(image);

      JpegCoefficients read_back;
      decode_coefficients(PackedRecord(record), read_back);

      CHECK(read_back == image);
    }
}

TEST_CASE("a JPEG file written from coefficients has just these", "[packed]") {
  for (const auto& sampling : samplings()) {
    CAPTURE(sampling.name);
    const JpegCoefficients image = coefficient_image(70, 45, sampling, 2);
    JpegCoefficients read_back;
    CHECK(read_jpeg_coefficients(write_jpeg(image), read_back) == "");
    CHECK(read_back == image);
  }
}

TEST_CASE("a block is coded as the format says", "[packed]") {
  JpegCoefficients image{.width = 8, .height = 8, .components = {{.h = 1, .v = 1, .blocks_x = 1, .blocks_y = 1}}};
  image.components[0].quant.fill(1);
  image.components[0].blocks.assign(64, 0);
  image.components[0].blocks[0] = -3;
  image.components[0].blocks[1] = 1;     // zigzag 1: stored as 0
  image.components[0].blocks[8] = -1;    // zigzag 2: as 1, in one bit
  image.components[0].blocks[16] = 300;  // zigzag 3: needs a patch, holds its place with 1
  image.components[0].blocks[63] = 1;    // zigzag 63

  const auto record = encoded(image);

  const std::size_t head = 24 + 128 + 4 + 4;  // header, quantisation, one row, one group and two bytes of padding
  REQUIRE(record.size() > head);
  const std::vector<std::byte> block(record.begin() + head, record.end());
  // Profile 0, patched, 8 bytes of mask, DC -3; one patch: place 3, 300; mask of 1, 2, 3, 63; bits 0 1 0 0.
  const std::uint32_t bits = 0u | 64u | 8u << 7 | 0xffdu << 12;
  const std::vector<int> expected = {static_cast<int>(bits & 255),
                                     static_cast<int>(bits >> 8 & 255),
                                     static_cast<int>(bits >> 16),
                                     1,
                                     3,
                                     44,
                                     1,
                                     7,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     64,
                                     2};
  REQUIRE(block.size() == expected.size());
  for (std::size_t i = 0; i < block.size(); ++i) CHECK(std::to_integer<int>(block[i]) == expected[i]);
}

TEST_CASE("what no record can hold is refused with its reason", "[packed]") {
  std::vector<std::byte> record;
  SECTION("chroma of a third of the size") {
    CHECK(encode_record(coefficient_image(50, 50, {"", {3, 1, 1}, {1, 1, 1}}, 3), record) == "unusual chroma sampling");
  }
  SECTION("more blocks in an MCU than a scan can have") {
    CHECK(encode_record(coefficient_image(50, 50, {"", {2, 2, 2}, {2, 2, 2}}, 3), record) == "unusual chroma sampling");
  }
  SECTION("luma smaller than chroma") {
    CHECK(encode_record(coefficient_image(50, 50, {"", {1, 1, 1}, {1, 1, 1}}, 3), record) == "");
    JpegCoefficients image = coefficient_image(50, 50, {"", {1, 1, 1}, {1, 1, 1}}, 3);
    image.components[1].h = 2;
    CHECK(encode_record(image, record) == "unusual chroma sampling");
  }
  SECTION("an AC coefficient that no 8-bit JPEG has") {
    JpegCoefficients image = coefficient_image(50, 50, yuv420(), 3);
    image.components[2].blocks[64 + 5] = 1024;
    CHECK(encode_record(image, record) == "coefficients out of range");
  }
  SECTION("a DC coefficient that no 8-bit JPEG has") {
    JpegCoefficients image = coefficient_image(50, 50, yuv420(), 3);
    image.components[0].blocks[64] = -1025;
    CHECK(encode_record(image, record) == "coefficients out of range");
  }
  SECTION("rows too long for the index") {
    JpegCoefficients image = coefficient_image(20'000, 8, samplings()[0], 3);
    for (std::size_t i = 0; i < image.components[0].blocks.size(); ++i)
      if (i % 64 != 0) image.components[0].blocks[i] = static_cast<std::int16_t>(i % 2 ? 100 : -100);
    CHECK(encode_record(image, record) == "more than 64 KiB in a row of blocks");
  }
}

TEST_CASE("extreme coefficients survive", "[packed]") {
  JpegCoefficients image = coefficient_image(64, 64, yuv420(), 4);
  KeyedRandom random{4};
  for (auto& component : image.components)
    for (std::size_t i = 0; i < component.blocks.size(); ++i) {
      const int value = static_cast<int>(std::array{-1023, -129, -128, 127, 128, 1023}[random.uniform_int(6)]);
      component.blocks[i] = static_cast<std::int16_t>(i % 64 == 0 && value == 1023 ? -1024 : value);
    }
  JpegCoefficients read_back;
  decode_coefficients(PackedRecord(encoded(image)), read_back);
  CHECK(read_back == image);
}

TEST_CASE("the bytes of a crop's rows hold all that it needs", "[packed]") {
  for (const auto& sampling : samplings()) {
    CAPTURE(sampling.name);
    const JpegCoefficients image = coefficient_image(120, 200, sampling, 5);
    const auto whole = encoded(image);
    KeyedRandom random{5};
    for (int i = 0; i < 50; ++i) {
      const int top = static_cast<int>(random.uniform_int(200)),
                height = 1 + static_cast<int>(random.uniform_int(200 - top));
      CAPTURE(top, height);
      const auto range = PackedRecord(whole).bytes_of_rows(top, top + height - 1);
      auto part = whole;  // with nothing but the head and those bytes
      const std::size_t head = whole.size() - (static_cast<std::size_t>(PackedRecord(whole).end() - whole.data()) -
                                               PackedRecord(whole).bytes_of_rows(0, 0).begin);
      for (std::size_t at = head; at < whole.size(); ++at)
        if (at < range.begin || at >= range.end) part[at] = std::byte{0xff};
      std::vector<std::uint8_t> expected(40 * 40 * 3), got(40 * 40 * 3);
      StoredDecoder decoder;
      decoder.decode_crop({StoredKind::kPackedJpeg, 120, 200, whole}, {3, top, 100, height}, 40, false,
                          expected.data());
      decoder.decode_crop({StoredKind::kPackedJpeg, 120, 200, part}, {3, top, 100, height}, 40, false, got.data());
      CHECK(got == expected);
    }
  }
}

TEST_CASE("damaged headers are refused by name", "[packed]") {
  const auto good = encoded(coefficient_image(50, 40, yuv420(), 6));
  const auto refusal = [&](std::size_t at, int value) {
    auto record = good;
    record[at] = static_cast<std::byte>(value);
    return message_of([&] { PackedRecord{record}; });
  };
  CHECK(refusal(0, 'X') == "packed record: it does not begin with PKC2");
  CHECK_THAT(refusal(6, 100), Catch::Matchers::Contains("packed record: "));
  CHECK(refusal(8, 2) == "packed record: 50 x 40 pixels of 2 components, expected at least 1 x 1 of 1 or 3");
  CHECK(refusal(9, 0) == "packed record: sampling factors that no record has");
  CHECK(refusal(10, 4) == "packed record: sampling factors that no record has");
  CHECK_THAT(refusal(16, 1), Catch::Matchers::Contains("packed record: blocks from byte"));
  CHECK_THAT(refusal(20, 1), Catch::Matchers::Contains("packed record: "));
  for (std::size_t size = 0; size < good.size(); size += 7)
    CHECK_THAT(message_of([&] { PackedRecord(std::span(good).first(size)); }),
               Catch::Matchers::StartsWith("packed record: "));
  Image out;
  CHECK(message_of([&] {
          StoredDecoder().decode({StoredKind::kPackedJpeg, 50, 41, good}, out);
        }) == "packed record: 50 x 40 pixels, expected 50 x 41");
}

}  // namespace
}  // namespace mosaic
