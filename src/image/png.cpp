#include <png.h>
#include <zlib.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

constexpr std::size_t kMaxTextBytes = 1 << 20;  // of one compressed chunk of text or colour profile, as Pillow's limit
constexpr std::size_t kMaxDeflateRatio = 1032;  // zlib's format packs no more than so many bytes into one

/// What libpng's callbacks see of us. No destructors: libpng reports errors by longjmp.
struct Reader {
  const std::uint8_t* next;
  std::size_t left;
  std::array<char, 128> message;
};

void on_error(png_structp png, png_const_charp text) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader->message.data(), reader->message.size(), "%s", text);
  png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*text*/) {}

void read_bytes(png_structp png, png_bytep to, std::size_t size) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader->left) png_error(png, "the file is truncated");
  std::memcpy(to, reader->next, size);
  reader->next += size;
  reader->left -= size;
}

/// Bytes that `packed` inflates to, counted no further than just above kMaxTextBytes; 0 if it is broken.
std::size_t inflated_size(const std::uint8_t* packed, std::size_t size) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return 0;
  stream.next_in = const_cast<std::uint8_t*>(packed);
  stream.avail_in = static_cast<uInt>(size);
  std::array<std::uint8_t, 4096> sink;
  int status = Z_OK;
  while (status == Z_OK && stream.total_out <= kMaxTextBytes) {
    stream.next_out = sink.data();
    stream.avail_out = sink.size();
    status = inflate(&stream, Z_NO_FLUSH);
  }
  const std::size_t total = stream.total_out;
  inflateEnd(&stream);
  return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR ? total : 0;
}

/// Where the packed part of a chunk of kind zTXt, iCCP or iTXt begins; `size` if there is none.
std::size_t packed_begin(std::string_view kind, const std::uint8_t* data, std::size_t size) {
  const auto after_zero = [&](std::size_t from) {
    while (from < size && data[from] != 0) ++from;
    return from + 1;
  };
  std::size_t at = after_zero(0);                // keyword
  if (kind != "iTXt") return at + 1;             // method
  if (at >= size || data[at] == 0) return size;  // not compressed
  return after_zero(after_zero(at + 2));         // flag, method, language, translated keyword
}

/// The text and profiles in a file are nothing to us, but a file that hides a gigabyte in them is refused, as by
/// Pillow.
int check_text_chunk(png_structp png, png_unknown_chunkp chunk) {
  const std::string_view kind(reinterpret_cast<const char*>(chunk->name), 4);
  const std::size_t begin = packed_begin(kind, chunk->data, chunk->size);
  if (begin < chunk->size && inflated_size(chunk->data + begin, chunk->size - begin) > kMaxTextBytes)
    png_error(png, "more than a megabyte of text in one chunk");
  return 1;
}

/// One libpng decoder. Each call into libpng is a step of `guard`, which turns libpng's jump into an exception before
/// any C++ object could be jumped over: steps hold none.
class Decoder {
 public:
  explicit Decoder(Bytes file)
      : file_bytes_(file.size()), reader_{reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader_, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw Error("PNG: libpng cannot start (another version than the one built with, or no memory)");
    }
    png_set_read_fn(png_, &reader_, read_bytes);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // `set_size` has ours
    static constexpr png_byte kText[] = "zTXt\0iTXt\0iCCP";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_ALWAYS, kText, 3);
    png_set_read_user_chunk_fn(png_, &reader_, check_text_chunk);
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  void decode(Image& out) {
    guard([&] { png_read_info(png_, info_); });
    check_size(png_get_image_width(png_, info_), png_get_image_height(png_, info_));
    // Before memory is taken for what cannot be in there.
    if (png_get_rowbytes(png_, info_) * png_get_image_height(png_, info_) / kMaxDeflateRatio > file_bytes_)
      throw Error(str("PNG: the file is truncated: ", file_bytes_, " bytes cannot hold ",
                      png_get_image_width(png_, info_), " x ", png_get_image_height(png_, info_), " pixels"));
    set_size(out, png_get_image_width(png_, info_), png_get_image_height(png_, info_));
    const int depth = png_get_bit_depth(png_, info_);
    const int colour = png_get_color_type(png_, info_);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
      read_palette(out);
    } else if (colour == PNG_COLOR_TYPE_GRAY && depth == 16) {
      read_grey16(out);
    } else {
      read_rgb(out);
    }
  }

 private:
  template <class Step>
  void guard(Step step) {
    if (setjmp(png_jmpbuf(png_))) throw Error(str("PNG: ", reader_.message.data()));
    step();
  }

  /// Of 16 bits the upper 8; alpha is dropped, whatever is below it stays.
  void read_rgb(Image& out) {
    guard([&] {
      png_set_strip_16(png_);
      if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
      png_set_strip_alpha(png_);
      png_set_gray_to_rgb(png_);
    });
    read_rows(out.rgb.data(), static_cast<std::size_t>(out.width) * 3, out.height);
  }

  void read_grey16(Image& out) {
    const std::size_t row_bytes = static_cast<std::size_t>(out.width) * 2;
    std::vector<std::uint8_t> grey(row_bytes * out.height);
    read_rows(grey.data(), row_bytes, out.height);
    for (std::size_t i = 0; i < grey.size(); i += 2)
      put_grey(&out.rgb[i / 2 * 3], clip_grey16(static_cast<unsigned>(grey[i] << 8 | grey[i + 1])));
  }

  void read_palette(Image& out) {
    png_colorp palette = nullptr;
    int colours = 0;
    guard([&] {
      png_get_PLTE(png_, info_, &palette, &colours);
      png_set_packing(png_);
    });
    std::vector<std::uint8_t> indices(static_cast<std::size_t>(out.width) * out.height);
    read_rows(indices.data(), out.width, out.height);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      // What such a pixel looks like differs between versions of Pillow.
      if (indices[i] >= colours)
        throw Error(str("PNG: a pixel of colour ", static_cast<int>(indices[i]), ", but the palette has ", colours));
      const png_color& colour = palette[indices[i]];
      std::uint8_t* rgb = &out.rgb[i * 3];
      rgb[0] = colour.red;
      rgb[1] = colour.green;
      rgb[2] = colour.blue;
    }
  }

  /// What comes after the pixels is not read: a file without its end chunk is whole for us, as for Pillow.
  void read_rows(std::uint8_t* first, std::size_t stride, int height) {
    std::size_t row_bytes = 0;
    int passes = 0;
    guard([&] {
      passes = png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      row_bytes = png_get_rowbytes(png_, info_);
    });
    if (row_bytes != stride) throw Error(str("PNG: rows of ", row_bytes, " bytes, expected ", stride));
    guard([&] {
      for (int pass = 0; pass < passes; ++pass)
        for (int y = 0; y < height; ++y) png_read_row(png_, first + static_cast<std::size_t>(y) * stride, nullptr);
    });
  }

  std::size_t file_bytes_;
  Reader reader_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

void decode_png(Bytes file, Image& out) { Decoder(file).decode(out); }

}  // namespace mosaic
