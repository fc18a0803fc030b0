#pragma once

#include <array>
#include <csetjmp>
#include <cstdio>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include "base/error.h"
#include "image/formats.h"

/// libjpeg, with exceptions for its jumps. Only image/ includes this.
namespace mosaic {

/// Where libjpeg's errors go.
///
/// libjpeg reports them by longjmp. Each call into it is a step of `guard`, which turns the jump into an exception before
/// any C++ object could be jumped over: steps hold none. Warnings (junk between markers, missing restart markers, a wrong
/// Adobe marker) are no errors, but counted: Pillow decodes such files in silence, and the pixels are the same.
class JpegErrors {
 public:
  JpegErrors();
  JpegErrors(const JpegErrors&) = delete;
  JpegErrors& operator=(const JpegErrors&) = delete;

  jpeg_error_mgr* manager() { return &traps_.base; }
  long warnings() const { return traps_.base.num_warnings; }

  /// @throws Error "JPEG: " and what libjpeg says
  template <class Step>
  void guard(Step step) {
    if (setjmp(traps_.jump)) throw Error(str("JPEG: ", traps_.message.data()));
    step();
  }

 private:
  struct Traps {
    jpeg_error_mgr base;  // first: libjpeg hands out pointers to it
    std::jmp_buf jump;
    std::array<char, JMSG_LENGTH_MAX> message;
  };
  [[noreturn]] static void on_error(j_common_ptr info);
  static void on_message(j_common_ptr info, int level);

  Traps traps_{};
};

/// A libjpeg decompressor and the whole file that it reads.
///
/// The source never gets more than the file: libjpeg then "suspends", and that is how we see that a file is truncated.
/// (Its own memory source would make up an end marker and fill the rest with grey.)
class JpegReader {
 public:
  explicit JpegReader(Bytes file);
  ~JpegReader() { jpeg_destroy_decompress(&info); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  /// Up to the first scan.
  void read_header();

  jpeg_decompress_struct info{};
  JpegErrors errors;

 private:
  jpeg_source_mgr source_{};
};

[[noreturn]] void throw_truncated_jpeg();

}  // namespace mosaic
