#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "image/image.h"

/// One decoder per format, each in the .cpp of its name, and what they share. Only image/ includes this.
namespace mosaic {

using Bytes = std::span<const std::byte>;

/// What a file's owner believes its size to be.
struct ExpectedSize {
  int width;
  int height;
};

/// Each overwrites `out`, whose memory is used again, and throws Error if `file` is not whole, not legal or a variant
/// that we do not read.
void decode_jpeg(Bytes file, Image& out, const ExpectedSize* expected = nullptr);
void decode_png(Bytes file, Image& out);
void decode_pnm(Bytes file, Image& out);
void decode_bmp(Bytes file, Image& out);
void decode_tiff(Bytes file, Image& out);
void decode_webp(Bytes file, Image& out);

/// Twice Pillow's Image.MAX_IMAGE_PIXELS: where it stops with "could be decompression bomb DOS attack".
inline constexpr std::int64_t kMaxPixels = 178'956'970;

/// @throws Error if a side is below 1 or there are more than kMaxPixels pixels
void check_size(std::int64_t width, std::int64_t height);

/// `check_size`, then make room for the pixels.
void set_size(Image& out, std::int64_t width, std::int64_t height);

/// "89 50 4e 47": the first four bytes, for messages.
std::string first_bytes(Bytes file);

/// The RGB of one pixel of ink: `c`, `m`, `y`, `k` from 0 (none) to 255 (full). Pillow's arithmetic: per colour,
/// (255 - k) - round((255 - k) * ink / 255), without a colour profile.
void cmyk_to_rgb(int c, int m, int y, int k, std::uint8_t* rgb);

/// Write `value` three times.
inline void put_grey(std::uint8_t* rgb, std::uint8_t value) { rgb[0] = rgb[1] = rgb[2] = value; }

/// What Pillow makes of a 16-bit grey value on the way to 8 bits: cut off at 255, not divided by 257.
inline std::uint8_t clip_grey16(unsigned value) { return static_cast<std::uint8_t>(value > 255 ? 255 : value); }

}  // namespace mosaic
