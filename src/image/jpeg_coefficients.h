#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mosaic {

/// The quantised DCT coefficients of a JPEG file: all of it that decides on its pixels.
struct JpegCoefficients {
  struct Component {
    int h = 1, v = 1;                       // sampling factors, 1 to 4
    int blocks_x = 0, blocks_y = 0;         // of 8 x 8 samples; only those that hold samples of the image
    std::array<std::uint16_t, 64> quant{};  // row by row, as in a block
    std::vector<std::int16_t> blocks;       // blocks_y * blocks_x * 64: rows of blocks, in a block rows of coefficients

    bool operator==(const Component&) const = default;
  };
  int width = 0, height = 0;          // in pixels
  std::vector<Component> components;  // 1: grey; 3: Y, Cb, Cr

  bool operator==(const JpegCoefficients&) const = default;
};

/// Read the coefficients of a JPEG file of 8-bit grey or YCbCr, sequential or progressive, that libjpeg reads to its end
/// without a warning.
/// @return nothing, or why this file is none of those: a few words, the same for all files of a kind
/// @throws Error if the bytes are no JPEG, or are damaged
std::string read_jpeg_coefficients(std::span<const std::byte> file, JpegCoefficients& out);

/// A JPEG file (JFIF, Huffman-coded, sequential) with these coefficients: it decodes to the same pixels as the file that
/// they came from.
/// @param coefficients  AC in [-1023, 1023], DC in [-1024, 1023]: what Huffman codes of 8-bit JPEG can hold
std::vector<std::byte> write_jpeg(const JpegCoefficients& coefficients);

}  // namespace mosaic
