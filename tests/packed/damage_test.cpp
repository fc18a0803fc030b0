#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "catch.h"
#include "packed/coefficient_images.h"
#include "packed/decode_record.h"
#include "packed/encode_record.h"
#include "packed/stored_decoder.h"

namespace mosaic {
namespace {

using Bytes = std::vector<std::byte>;

/// Bits flipped, bytes exchanged, pieces moved; anywhere, or in the part where it hurts most.
void mutate(Bytes& record, KeyedRandom& random) {
  const auto at = [&](std::size_t end) {
    return static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(end)));
  };
  const std::size_t size = record.size();
  for (int n = 1 + static_cast<int>(at(4)); n > 0; --n) switch (at(6)) {
      case 0:
        record[at(size)] ^= static_cast<std::byte>(1 << at(8));
        break;
      case 1:
        record[at(size)] = static_cast<std::byte>(at(256));
        break;
      case 2:  // index
        record[24 + at(std::min<std::size_t>(size - 24, 1000))] = static_cast<std::byte>(at(256));
        break;
      case 3:  // runs of ones make the longest blocks
        for (std::size_t i = at(size), end = std::min(size, i + at(40)); i < end; ++i) record[i] = std::byte{0xff};
        break;
      case 4: {
        const std::size_t length = 1 + at(std::min<std::size_t>(size, 64)), from = at(size - length + 1);
        std::memmove(record.data() + at(size - length + 1), record.data() + from, length);
        break;
      }
      default:  // the end, where vectors might read on
        record[size - 1 - at(std::min<std::size_t>(size, 300))] = static_cast<std::byte>(at(256));
    }
}

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
  // More of them, and others, by the environment.
  const char *records_wanted = std::getenv("MOSAIC_RECORDS"), *seed_wanted = std::getenv("MOSAIC_SEED");
  const int records = records_wanted ? std::atoi(records_wanted) : 1000;
  const std::uint64_t seed = seed_wanted ? std::strtoull(seed_wanted, nullptr, 10) : 21;
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
    mutate(record, random);
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
