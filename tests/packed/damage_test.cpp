#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "catch.h"
#include "packed/coefficient_images.h"
#include "packed/decode_record.h"
#include "packed/encode_record.h"
#include "packed/mutate.h"
#include "packed/stored_decoder.h"

namespace mosaic {
namespace {

using Bytes = std::vector<std::byte>;

/// The record in memory of just its size, so that the address sanitizer sees every step over its end.
struct Exact {
  explicit Exact(const Bytes& record) : size(record.size()), bytes(new std::byte[size]) {
    std::memcpy(bytes.get(), record.data(), size);
  }
  std::size_t size;
  std::unique_ptr<std::byte[]> bytes;
};

/// What a damaged record gives: pixels, or that it is refused.
std::vector<std::uint8_t> decode(StoredDecoder& decoder, const Exact& record, int width, int height, Box box) {
  std::vector<std::uint8_t> out(32 * 32 * 3);
  try {
    decoder.decode_crop({StoredKind::kPackedJpeg, width, height, {record.bytes.get(), record.size}}, box, 32, false,
                        out.data());
  } catch (const Error& e) {
    REQUIRE(std::strncmp(e.what(), "packed record: ", 15) == 0);
    return {};
  }
  return out;
}

TEST_CASE("no damaged record crashes, and all kernels agree on what it is", "[packed]") {
  const auto [records, seed] = test::mutations_wanted();
  CAPTURE(seed);
  KeyedRandom random{seed};
  int refused = 0, decoded = 0;
  for (int i = 0; i < records; ++i) {
    const auto& sampling = test::samplings()[static_cast<std::size_t>(i) % test::samplings().size()];
    const int width = 20 + static_cast<int>(random.uniform_int(200)),
              height = 20 + static_cast<int>(random.uniform_int(60));
    CAPTURE(i, sampling.name, width, height);
    Bytes record;
    REQUIRE(encode_record(test::coefficient_image(width, height, sampling, 22), record) == "");
    test::mutate(record, random);
    if (i % 10 == 9)
      record.resize(static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(record.size()))));
    const Exact exact(record);
    const int left = static_cast<int>(random.uniform_int(width)), top = static_cast<int>(random.uniform_int(height));
    const Box box{left, top, 1 + static_cast<int>(random.uniform_int(width - left)),
                  1 + static_cast<int>(random.uniform_int(height - top))};

    StoredDecoder defining(*usable_kernels().back());
    const auto expected = decode(defining, exact, width, height, box);
    ++(expected.empty() ? refused : decoded);
    for (const Kernels* kernels : usable_kernels()) {
      CAPTURE(kernels->name);
      StoredDecoder decoder(*kernels);
      REQUIRE(decode(decoder, exact, width, height, box) == expected);
    }
    try {
      JpegCoefficients coefficients;
      decode_coefficients(PackedRecord({exact.bytes.get(), exact.size}), coefficients);
    } catch (const Error& e) {
      REQUIRE(std::strncmp(e.what(), "packed record: ", 15) == 0);
    }
  }
  CHECK(refused > records / 10);
  CHECK(decoded > records / 10);
}

}  // namespace
}  // namespace mosaic
