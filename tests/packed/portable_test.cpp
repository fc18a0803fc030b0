#include <string>

#include "base/crc32c.h"
#include "base/random.h"
#include "catch.h"
#include "packed/coefficient_images.h"
#include "packed/encode_record.h"
#include "packed/kernel_choice.h"
#include "packed/stored_decoder.h"

// What needs no library: `arm_test.py` runs it on another kind of processor, where these numbers must be the same.

namespace mosaic {
namespace {

TEST_CASE("checksums are those of the standard, by the instruction and by the table", "[packed]") {
  const std::string text = "123456789";
  CHECK(crc32c(std::as_bytes(std::span(text))) == 0xE3069283);
  KeyedRandom random{3};
  for (std::size_t n = 0; n < 100; ++n) {
    std::vector<std::byte> bytes(n);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    const auto start = static_cast<std::uint32_t>(random());
    REQUIRE(crc32c(bytes, start) == crc32c_portable(bytes, start));
  }
}

/// Of records of all samplings, and of many crops of each, in pixels and packed.
struct Digest {
  std::uint32_t records = 0, crops = 0;
};

Digest digest(const Kernels& kernels) {
  StoredDecoder decoder(kernels);
  Digest sum;
  KeyedRandom random{21};
  const auto draw = [&](int bound) { return static_cast<int>(random.uniform_int(bound)); };
  for (const auto& sampling : test::samplings())
    for (const auto& [width, height] : {std::pair{1, 1}, {5, 40}, {97, 64}, {200, 133}}) {
      std::vector<std::byte> record;
      REQUIRE(encode_record(test::coefficient_image(width, height, sampling, 4), record) == "");
      sum.records = crc32c(record, sum.records);
      const StoredImage packed{StoredKind::kPackedJpeg, width, height, record};
      Image pixels;
      decoder.decode(packed, pixels);
      for (int i = 0; i < 20; ++i) {
        const int left = draw(width), top = draw(height), side = 1 + draw(80);
        const Box box{left, top, 1 + draw(width - left), 1 + draw(height - top)};
        const bool flip = draw(2) == 1;
        std::vector<std::uint8_t> crop(std::size_t{3} * side * side), same(crop);
        decoder.decode_crop(packed, box, side, flip, crop.data());
        decoder.decode_crop({StoredKind::kPixels, width, height, std::as_bytes(std::span(pixels.rgb))}, box, side, flip,
                            same.data());
        REQUIRE(crop == same);
        sum.crops = crc32c(std::as_bytes(std::span(crop)), sum.crops);
      }
    }
  return sum;
}

TEST_CASE("records and crops are the same on every processor", "[packed]") {
  for (const Kernels* kernels : usable_kernels()) {
    CAPTURE(kernels->name);
    const Digest sum = digest(*kernels);
    CHECK(sum.records == 0xEA17EA59);
    CHECK(sum.crops == 0xA8299621);
  }
}

}  // namespace
}  // namespace mosaic
