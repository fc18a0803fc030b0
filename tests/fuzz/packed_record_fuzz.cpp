/// libFuzzer: any bytes as a record of packed coefficients, decoded whole and cropped, by all kernels of this processor.
#include <array>
#include <cstring>

#include "base/error.h"
#include "packed/coefficient_images.h"
#include "packed/decode_record.h"
#include "packed/encode_record.h"
#include "packed/stored_decoder.h"

using namespace mosaic;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

/// Whole records to start from: all samplings, several sizes.
const std::vector<std::vector<std::byte>>& records() {
  static const auto all = [] {
    std::vector<std::vector<std::byte>> made;
    std::uint64_t seed = 0;
    for (const auto& sampling : test::samplings())
      for (const auto [width, height] : {std::array{17, 9}, std::array{64, 40}, std::array{300, 16}}) {
        std::vector<std::byte> record;
        if (encode_record(test::coefficient_image(width, height, sampling, ++seed), record).empty())
          made.push_back(std::move(record));
      }
    return made;
  }();
  return all;
}

void decode(std::span<const std::byte> bytes) {
  const PackedRecord record(bytes);
  JpegCoefficients coefficients;
  decode_coefficients(record, coefficients);
}

void crop(const Kernels& kernels, std::span<const std::byte> bytes, std::uint32_t draw) {
  const PackedRecord record(bytes);
  const int width = record.width(), height = record.height();
  if (std::int64_t{width} * height > 1 << 20) return;  // time, not safety: a head can claim 65,535 x 65,535
  const int left = static_cast<int>(draw % width), top = static_cast<int>(draw / 7 % height);
  const Box box{left, top, 1 + static_cast<int>(draw / 13 % (width - left)),
                1 + static_cast<int>(draw / 17 % (height - top))};
  const int side = 1 + static_cast<int>(draw / 29 % 40);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(side) * side * 3);
  StoredDecoder(kernels).decode_crop({StoredKind::kPackedJpeg, width, height, bytes}, box, side, draw & 1, out.data());
}

template <class Action>
void refuse(Action action) {
  try {
    action();
  } catch (const Error&) {  // what a damaged record is for
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint32_t draw = 0;
  if (size < sizeof draw) return 0;
  std::memcpy(&draw, data, sizeof draw);
  // Of just its size, so that the address sanitizer sees every step over its end.
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data) + sizeof draw,
                                     reinterpret_cast<const std::byte*>(data) + size);
  refuse([&] { decode(bytes); });
  for (const Kernels* kernels : usable_kernels()) refuse([&] { crop(*kernels, bytes, draw); });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (size < 28 || seed % 50 == 0) {  // a whole one again
    const auto& record = records()[seed / 50 % records().size()];
    if (record.size() + 4 > most) return LLVMFuzzerMutate(data, size, most);
    std::memcpy(data, &seed, 4);
    std::memcpy(data + 4, record.data(), record.size());
    return record.size() + 4;
  }
  return LLVMFuzzerMutate(data, size, most);
}
