#include "image/decode.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool is_pnm(std::string_view text) {
  return text.size() >= 3 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6' &&
         std::string_view(" \t\n\v\f\r").find(text[2]) != std::string_view::npos;
}

bool is_tiff(std::string_view text) {
  using namespace std::string_view_literals;
  // 42 is TIFF, 43 BigTIFF; the byte order of the number is that of the file.
  for (const auto magic : {"II\x2a\0"sv, "MM\0\x2a"sv, "II\x2b\0"sv, "MM\0\x2b"sv})
    if (text.starts_with(magic)) return true;
  return false;
}

}  // namespace

ImageFormat image_format(Bytes file) {
  const std::string_view text = as_text(file);
  if (text.starts_with("\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (text.starts_with("BM")) return ImageFormat::kBmp;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return ImageFormat::kWebp;
  if (is_tiff(text)) return ImageFormat::kTiff;
  if (is_pnm(text)) return ImageFormat::kPnm;
  return ImageFormat::kUnknown;
}

Image decode_file(Bytes file) {
  Image image;
  switch (image_format(file)) {
    case ImageFormat::kJpeg:
      decode_jpeg(file, image);
      return image;
    case ImageFormat::kPng:
      decode_png(file, image);
      return image;
    case ImageFormat::kPnm:
      decode_pnm(file, image);
      return image;
    case ImageFormat::kBmp:
      decode_bmp(file, image);
      return image;
    case ImageFormat::kTiff:
      decode_tiff(file, image);
      return image;
    case ImageFormat::kWebp:
      decode_webp(file, image);
      return image;
    case ImageFormat::kUnknown:
      break;
  }
  if (file.empty()) throw Error("the file is empty, expected an image");
  throw Error(str("starts with ", first_bytes(file), ", expected a JPEG, PNG, PPM, PGM, BMP, TIFF or WebP file"));
}

void decode_stored(const StoredImage& image, Image& out) {
  if (image.kind == StoredKind::kJpegFile) {
    if (image_format(image.bytes) != ImageFormat::kJpeg)
      throw Error(str("not a JPEG (starts with ", first_bytes(image.bytes), ")"));
    const ExpectedSize expected{image.width, image.height};
    decode_jpeg(image.bytes, out, &expected);
    return;
  }
  if (image.kind != StoredKind::kPixels)
    throw Error(str("stored as kind ", static_cast<int>(image.kind), ", expected 0 (a JPEG file) or 1 (pixels)"));
  const ImageView pixels = stored_pixels(image);
  set_size(out, pixels.width, pixels.height);
  std::memcpy(out.rgb.data(), pixels.rgb, image.bytes.size());
}

void set_size(Image& out, std::int64_t width, std::int64_t height) {
  check_size(width, height);
  out.width = static_cast<int>(width);
  out.height = static_cast<int>(height);
  out.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
}

std::string first_bytes(Bytes file) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : file.first(std::min<std::size_t>(4, file.size()))) {
    if (!text.empty()) text += ' ';
    text += kHex[std::to_integer<int>(byte) >> 4];
    text += kHex[std::to_integer<int>(byte) & 15];
  }
  return text;
}

void cmyk_to_rgb(int c, int m, int y, int k, std::uint8_t* rgb) {
  const int white = 255 - k;
  const auto colour = [white](int ink) {
    const int product = ink * white + 128;
    const int rounded = ((product >> 8) + product) >> 8;  // product / 255 to the nearest
    return static_cast<std::uint8_t>(std::max(0, white - rounded));
  };
  rgb[0] = colour(c);
  rgb[1] = colour(m);
  rgb[2] = colour(y);
}

}  // namespace mosaic
