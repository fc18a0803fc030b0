#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <vector>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands out pointers to it
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, errors->message.data());
  std::longjmp(errors->jump, 1);
}

// Warnings (junk between markers, missing restart markers, a wrong Adobe marker) are no errors: Pillow decodes such
// files in silence, and the pixels are the same.
void on_message(j_common_ptr /*info*/, int /*level*/) {}

// The source holds the whole file and never gets more: libjpeg then "suspends", and that is how we see that a file is
// truncated. (Its own memory source would make up an end marker and fill the rest with grey.)
void start_source(j_decompress_ptr /*info*/) {}
boolean refill(j_decompress_ptr /*info*/) { return FALSE; }
void end_source(j_decompress_ptr /*info*/) {}
void skip(j_decompress_ptr info, long bytes) {
  const auto n = std::min(static_cast<std::size_t>(std::max(bytes, 0L)), info->src->bytes_in_buffer);
  info->src->next_input_byte += n;
  info->src->bytes_in_buffer -= n;
}

[[noreturn]] void throw_truncated() { throw Error("JPEG: the file is truncated"); }

/// One libjpeg decompressor and the file it reads.
///
/// libjpeg reports errors by longjmp. Each call into it is a step of `guard`, which turns the jump into an exception
/// before any C++ object could be jumped over: steps hold none.
class Decompressor {
 public:
  explicit Decompressor(Bytes file) {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    guard([&] { jpeg_create_decompress(&info_); });
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
    source_.bytes_in_buffer = file.size();
    source_.init_source = start_source;
    source_.fill_input_buffer = refill;
    source_.skip_input_data = skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = end_source;
    info_.src = &source_;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  void read_header() {
    int found = JPEG_HEADER_TABLES_ONLY;
    guard([&] {
      while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&info_, FALSE);
    });
    if (found == JPEG_SUSPENDED) throw_truncated();
    if (info_.num_components != 1 && info_.num_components != 3 && info_.num_components != 4)
      throw Error(str("JPEG: ", info_.num_components, " colour components, expected 1, 3 or 4"));
    info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
  }

  std::int64_t width() const { return info_.image_width; }
  std::int64_t height() const { return info_.image_height; }

  void read_pixels(Image& out) {
    boolean started = FALSE;
    guard([&] { started = jpeg_start_decompress(&info_); });
    if (!started) throw_truncated();
    if (info_.out_color_space == JCS_CMYK) {
      std::vector<std::uint8_t> row(static_cast<std::size_t>(out.width) * 4);
      read_rows(row.data(), 0, [&](int y) { convert_row(row.data(), row_of(out, y), out.width); });
    } else {
      read_rows(out.rgb.data(), static_cast<std::size_t>(out.width) * 3, [](int) {});
    }
    // What follows the last row is read too, up to the end marker: damage there is an error, a missing end is not.
    guard([&] { jpeg_finish_decompress(&info_); });
  }

 private:
  template <class Step>
  void guard(Step step) {
    if (setjmp(errors_.jump)) throw Error(str("JPEG: ", errors_.message.data()));
    step();
  }

  static std::uint8_t* row_of(Image& image, int y) {
    return image.rgb.data() + static_cast<std::size_t>(y) * image.width * 3;
  }

  /// Row y goes to first + y * stride, then `done(y)` is called.
  template <class Done>
  void read_rows(std::uint8_t* first, std::size_t stride, Done done) {
    const int height = static_cast<int>(info_.output_height);
    JDIMENSION read = 1;
    for (int y = 0; y < height; ++y) {
      guard([&] {
        JSAMPROW row = first + static_cast<std::size_t>(y) * stride;
        read = jpeg_read_scanlines(&info_, &row, 1);
      });
      if (read != 1) throw_truncated();
      done(y);
    }
  }

  /// All four-component files are taken as Adobe's, which store 255 - ink, as Pillow does.
  static void convert_row(const std::uint8_t* cmyk, std::uint8_t* rgb, int width) {
    for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3)
      cmyk_to_rgb(255 - cmyk[0], 255 - cmyk[1], 255 - cmyk[2], 255 - cmyk[3], rgb);
  }

  jpeg_decompress_struct info_{};
  ErrorManager errors_{};
  jpeg_source_mgr source_{};
};

}  // namespace

void decode_jpeg(Bytes file, Image& out, const ExpectedSize* expected) {
  Decompressor jpeg(file);
  jpeg.read_header();
  if (expected && (jpeg.width() != expected->width || jpeg.height() != expected->height))
    throw Error(str("JPEG: ", jpeg.width(), " x ", jpeg.height(), " pixels, expected ", expected->width, " x ",
                    expected->height));
  set_size(out, jpeg.width(), jpeg.height());
  jpeg.read_pixels(out);
}

}  // namespace mosaic
