#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/error.h"
#include "image/byte_reader.h"
#include "image/formats.h"

namespace mosaic {
namespace {

enum Compression : std::uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

struct Header {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool top_down = false;
  int bits = 0;
  std::uint32_t compression = kRaw;
  std::size_t pixels_at = 0;
  // Up to 8 bits a pixel:
  std::size_t palette_at = 0;
  std::size_t palette_step = 4;  // bytes a colour: blue, green, red and, in all but the oldest headers, one unused
  std::uint32_t colours = 0;
  std::array<std::uint32_t, 3> masks{};  // of red, green, blue, with kBitFields

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width) * bits + 31) / 32 * 4; }
};

Header read_header(const ByteReader& file) {
  Header h;
  const std::size_t start = 14;
  const std::uint32_t header_bytes = file.u32(start);
  static constexpr std::array<std::uint32_t, 7> kKnown{12, 40, 52, 56, 64, 108, 124};
  if (std::find(kKnown.begin(), kKnown.end(), header_bytes) == kKnown.end())
    throw Error(str("BMP: a header of ", header_bytes, " bytes, expected 12, 40, 52, 56, 64, 108 or 124"));
  h.pixels_at = file.u32(10);
  h.palette_at = start + header_bytes;
  if (header_bytes == 12) {
    h.width = file.u16(start + 4);
    h.height = file.u16(start + 6);
    h.bits = static_cast<int>(file.u16(start + 10));
    h.palette_step = 3;
  } else {
    h.width = file.u32(start + 4);
    h.height = file.u32(start + 8);
    h.top_down = h.height >> 24 == 0xff;  // negative
    if (h.top_down) h.height = (std::int64_t{1} << 32) - h.height;
    h.bits = static_cast<int>(file.u16(start + 14));
    h.compression = file.u32(start + 16);
    h.colours = file.u32(start + 32);
    if (h.compression == kBitFields) {
      for (std::size_t i = 0; i < 3; ++i) h.masks[i] = file.u32(start + 40 + 4 * i);  // in the header or right after it
      if (header_bytes == 40) h.palette_at += 12;
    }
  }
  if (h.colours == 0 && h.bits <= 8) h.colours = 1u << h.bits;
  if (h.pixels_at == 0) throw Error("BMP: no offset of the pixels");
  // Some writers forget the palette in the offset.
  if (h.pixels_at == start + header_bytes && h.bits <= 8) h.pixels_at += h.palette_step * h.colours;
  return h;
}

struct Colour {
  std::uint8_t r, g, b;
};

std::vector<Colour> read_palette(const ByteReader& file, const Header& h) {
  if (h.colours > 65536) throw Error(str("BMP: a palette of ", h.colours, " colours, expected at most 65536"));
  const std::uint8_t* p = file.at(h.palette_at, h.palette_step * h.colours);
  std::vector<Colour> palette(h.colours);
  for (Colour& colour : palette) {
    colour = {p[2], p[1], p[0]};
    p += h.palette_step;
  }
  // A grey ramp that does not go with the number of bits: Pillow takes the file for one of other bits, and gives noise.
  bool ramp = true;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const auto grey = static_cast<std::uint8_t>(palette.size() == 2 && i == 1 ? 255 : i);
    ramp = ramp && palette[i].r == grey && palette[i].g == grey && palette[i].b == grey;
  }
  if (ramp && !(h.bits == 8 && h.colours != 2) && !(h.bits == 1 && h.colours == 2))
    throw Error(str("BMP: a grey palette of ", h.colours, " colours with ", h.bits, " bits a pixel is not supported"));
  return palette;
}

std::uint8_t* row_of(Image& out, const Header& h, int y) {
  const int from_top = h.top_down ? y : out.height - 1 - y;
  return out.rgb.data() + static_cast<std::size_t>(from_top) * out.width * 3;
}

void put_indexed(const std::vector<Colour>& palette, unsigned index, std::uint8_t* rgb) {
  // What such a pixel looks like differs between versions of Pillow.
  if (index >= palette.size())
    throw Error(str("BMP: a pixel of colour ", index, ", but the palette has ", palette.size()));
  rgb[0] = palette[index].r;
  rgb[1] = palette[index].g;
  rgb[2] = palette[index].b;
}

void read_indexed(const ByteReader& file, const Header& h, Image& out) {
  const std::vector<Colour> palette = read_palette(file, h);
  const std::size_t used = (static_cast<std::size_t>(h.width) * h.bits + 7) / 8;
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* in = file.at(h.pixels_at + h.row_bytes() * y, used);
    std::uint8_t* rgb = row_of(out, h, y);
    for (int x = 0; x < out.width; ++x, rgb += 3) {
      const int bit = x * h.bits;
      put_indexed(palette, static_cast<unsigned>(in[bit / 8] >> (8 - h.bits - bit % 8) & ((1 << h.bits) - 1)), rgb);
    }
  }
}

/// Run-length encoding, with Pillow's reading of what the documents leave open.
void read_runs(const ByteReader& file, const Header& h, Image& out) {
  const bool nibbles = h.compression == kRle4;
  if (h.bits != (nibbles ? 4 : 8)) throw Error(str("BMP: run-length encoding with ", h.bits, " bits a pixel"));
  const std::vector<Colour> palette = read_palette(file, h);
  const auto width = static_cast<std::size_t>(h.width), total = width * static_cast<std::size_t>(h.height);
  std::vector<std::uint8_t> indices;
  const auto put = [&](int index) { indices.push_back(static_cast<std::uint8_t>(index)); };
  std::size_t at = h.pixels_at, x = 0;
  while (indices.size() < total && at + 2 <= file.size()) {
    const int count = file.u8(at), value = file.u8(at + 1);
    at += 2;
    if (count > 0) {  // a run, cut off at the end of the row
      const int n = static_cast<int>(std::min<std::size_t>(count, x < width ? width - x : 0));
      for (int i = 0; i < n; ++i) put(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
      x += n;
    } else if (value == 0) {  // end of the row
      while (indices.size() % width != 0) put(0);
      x = 0;
    } else if (value == 1) {  // end of the image
      break;
    } else if (value == 2) {  // what the skipped pixels look like differs between versions of Pillow
      throw Error("BMP: run-length encoding with jumps is not supported");
    } else {  // as they are, padded to an even offset
      const int bytes = nibbles ? value / 2 : value;
      for (int i = 0; i < bytes; ++i) {
        const int byte = file.u8(at++);
        if (nibbles) put(byte >> 4);
        put(nibbles ? byte & 15 : byte);
      }
      x += value;
      at += at % 2;
    }
  }
  if (indices.size() < total) throw Error(str("BMP: the file is truncated: ", indices.size(), " pixels of ", total));
  set_size(out, h.width, h.height);
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* rgb = row_of(out, h, y);
    for (std::size_t i = 0; i < width; ++i) put_indexed(palette, indices[y * width + i], rgb + 3 * i);
  }
}

/// Where the colours of a pixel of 24 or 32 bits lie, in bytes; nullopt for a layout that we do not read.
std::optional<std::array<int, 3>> byte_layout(const Header& h) {
  using Masks = std::array<std::uint32_t, 3>;
  static constexpr Masks kBgr{0xff0000, 0xff00, 0xff}, kXbgr{0xff000000, 0xff0000, 0xff00},
      kBgxr{0xff000000, 0xff00, 0xff}, kRgb{0xff, 0xff00, 0xff0000};
  const bool unmasked = h.compression == kRaw || (h.bits == 32 && h.masks == Masks{});
  if (unmasked || h.masks == kBgr) return std::array<int, 3>{2, 1, 0};
  if (h.bits == 32 && h.masks == kXbgr) return std::array<int, 3>{3, 2, 1};
  if (h.bits == 32 && h.masks == kBgxr) return std::array<int, 3>{3, 1, 0};
  if (h.bits == 32 && h.masks == kRgb) return std::array<int, 3>{0, 1, 2};
  return std::nullopt;
}

void read_colours(const ByteReader& file, const Header& h, Image& out) {
  const auto layout = byte_layout(h);
  if (!layout) throw Error("BMP: an unusual layout of the colour bits is not supported");
  const std::size_t step = h.bits / 8;
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* in = file.at(h.pixels_at + h.row_bytes() * y, step * h.width);
    std::uint8_t* rgb = row_of(out, h, y);
    for (int x = 0; x < out.width; ++x, in += step, rgb += 3)
      for (int c = 0; c < 3; ++c) rgb[c] = in[(*layout)[c]];
  }
}

void read_colours16(const ByteReader& file, const Header& h, Image& out) {
  const std::array<std::uint32_t, 3> k565{0xf800, 0x7e0, 0x1f}, k555{0x7c00, 0x3e0, 0x1f};
  const bool wide_green = h.compression == kBitFields && h.masks == k565;
  if (h.compression == kBitFields && h.masks != k565 && h.masks != k555)
    throw Error("BMP: an unusual layout of the colour bits is not supported");
  const int green_bits = wide_green ? 6 : 5;
  const int green_max = (1 << green_bits) - 1;
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* in = file.at(h.pixels_at + h.row_bytes() * y, std::size_t{2} * h.width);
    std::uint8_t* rgb = row_of(out, h, y);
    for (int x = 0; x < out.width; ++x, in += 2, rgb += 3) {
      const int pixel = in[0] | in[1] << 8;
      rgb[0] = static_cast<std::uint8_t>((pixel >> (5 + green_bits) & 31) * 255 / 31);
      rgb[1] = static_cast<std::uint8_t>((pixel >> 5 & green_max) * 255 / green_max);
      rgb[2] = static_cast<std::uint8_t>((pixel & 31) * 255 / 31);
    }
  }
}

}  // namespace

void decode_bmp(Bytes bytes, Image& out) {
  const ByteReader file(bytes, "BMP");
  const Header h = read_header(file);
  check_size(h.width, h.height);
  const bool runs = h.compression == kRle8 || h.compression == kRle4;
  if (h.compression > kBitFields) throw Error(str("BMP: compression ", h.compression, ", expected 0 to 3"));
  const bool indexed = h.bits == 1 || h.bits == 4 || h.bits == 8;
  const bool coloured = h.bits == 16 || h.bits == 24 || h.bits == 32;
  const bool supported = runs ? indexed : h.compression == kRaw ? indexed || coloured : coloured;
  if (!supported)
    throw Error(str("BMP: ", h.bits, " bits a pixel with compression ", h.compression, " is not supported"));
  if (runs) return read_runs(file, h, out);

  file.at(h.pixels_at, h.row_bytes() * static_cast<std::size_t>(h.height - 1));  // before memory is taken for it
  set_size(out, h.width, h.height);
  if (indexed) {
    read_indexed(file, h, out);
  } else if (h.bits == 16) {
    read_colours16(file, h, out);
  } else {
    read_colours(file, h, out);
  }
}

}  // namespace mosaic
