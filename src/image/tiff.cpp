#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

/// A file in memory, and the first complaint of libtiff about it.
struct Source {
  Bytes bytes;
  toff_t at = 0;
  std::string complaint;
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t read_some(thandle_t handle, void* to, tmsize_t size) {
  Source& source = source_of(handle);
  if (source.at >= source.bytes.size() || size <= 0) return 0;
  const auto n = std::min<std::size_t>(static_cast<std::size_t>(size), source.bytes.size() - source.at);
  std::memcpy(to, source.bytes.data() + source.at, n);
  source.at += n;
  return static_cast<tmsize_t>(n);
}

tmsize_t write_nothing(thandle_t /*handle*/, void* /*from*/, tmsize_t /*size*/) { return -1; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& source = source_of(handle);
  const toff_t base = whence == SEEK_CUR ? source.at : whence == SEEK_END ? source.bytes.size() : 0;
  return source.at = base + offset;
}

int close_nothing(thandle_t /*handle*/) { return 0; }
toff_t size_of(thandle_t handle) { return source_of(handle).bytes.size(); }

void on_error(thandle_t handle, const char* /*module*/, const char* format, va_list arguments) {
  if (!handle || !source_of(handle).complaint.empty()) return;
  std::array<char, 256> text;
  std::vsnprintf(text.data(), text.size(), format, arguments);
  source_of(handle).complaint = text.data();
}

/// libtiff's handlers are one for the whole process; ours tell files apart by their handle, so threads do not meet.
void install_handlers() {
  [[maybe_unused]] static const bool once = [] {
    TIFFSetErrorHandler(nullptr);  // the default writes to standard error
    TIFFSetWarningHandler(nullptr);
    TIFFSetErrorHandlerExt(on_error);
    return true;
  }();
}

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

template <class T>
T field(TIFF* tiff, std::uint32_t tag, T otherwise) {
  T value{};
  return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
}

/// The first picture of a TIFF file.
class Picture {
 public:
  explicit Picture(Bytes file) : source_{file, 0, {}} {
    install_handlers();
    tiff_.reset(TIFFClientOpen("memory", "rm", &source_, read_some, write_nothing, seek, close_nothing, size_of,
                               nullptr, nullptr));
    if (!tiff_) fail("cannot be opened");
    width_ = field<std::uint32_t>(tiff_.get(), TIFFTAG_IMAGEWIDTH, 0);
    height_ = field<std::uint32_t>(tiff_.get(), TIFFTAG_IMAGELENGTH, 0);
    check_size(width_, height_);
    bits_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_SAMPLESPERPIXEL, 1);
    planes_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE &&
              samples_ > 1;
    compression_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    photometric_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    orientation_ = field<std::uint16_t>(tiff_.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    std::uint16_t* extra = nullptr;
    if (TIFFGetField(tiff_.get(), TIFFTAG_EXTRASAMPLES, &extras_, &extra) && extras_ > 0) first_extra_ = extra[0];
    require_supported();
  }

  void decode(Image& out) {
    const std::vector<std::uint8_t> samples = read_samples();
    set_size(out, width_, height_);
    for (int y = 0; y < out.height; ++y)
      convert_row(samples.data() + y * row_bytes(), out.rgb.data() + static_cast<std::size_t>(y) * out.width * 3);
    orient(out);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(str("TIFF: ", what, source_.complaint.empty() ? "" : ": ", source_.complaint));
  }
  [[noreturn]] void refuse() const {
    throw Error(str("TIFF: this variant is not supported: photometric ", photometric_, ", ", samples_, " samples of ",
                    bits_, " bits, ", extras_, " extra, compression ", compression_, planes_ ? ", in planes" : ""));
  }

  bool grey() const { return photometric_ == PHOTOMETRIC_MINISWHITE || photometric_ == PHOTOMETRIC_MINISBLACK; }
  bool jpeg_colours() const { return photometric_ == PHOTOMETRIC_YCBCR && samples_ == 3; }

  /// Only what is known to give Pillow's pixels.
  void require_supported() {
    if (field<std::uint16_t>(tiff_.get(), TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) != SAMPLEFORMAT_UINT) refuse();
    if (compression_ == COMPRESSION_OJPEG) refuse();
    if (planes_ && bits_ != 8) refuse();
    const bool packed = bits_ == 1 || bits_ == 2 || bits_ == 4;
    const int colours = samples_ - extras_;
    bool supported = false;
    if (grey()) {
      const bool alpha = photometric_ == PHOTOMETRIC_MINISBLACK && bits_ == 8 && extras_ == 1 && samples_ == 2 &&
                         first_extra_ == EXTRASAMPLE_UNASSALPHA;
      supported =
          alpha || (samples_ == 1 && (packed || bits_ == 8 || (bits_ == 16 && photometric_ == PHOTOMETRIC_MINISBLACK)));
    } else if (photometric_ == PHOTOMETRIC_PALETTE) {
      supported = samples_ == 1 && (packed || bits_ == 8);
    } else if (photometric_ == PHOTOMETRIC_RGB) {
      const bool plain = extras_ == 0 || first_extra_ != EXTRASAMPLE_ASSOCALPHA;
      supported = (colours == 3 || (samples_ == 4 && extras_ == 0)) && samples_ <= 6 && (bits_ == 8 || bits_ == 16) &&
                  (plain || (bits_ == 8 && samples_ == 4)) && (bits_ == 8 || samples_ <= 4);
    } else if (photometric_ == PHOTOMETRIC_SEPARATED) {
      supported = colours == 4 && samples_ <= 6 && bits_ == 8;
    } else if (photometric_ == PHOTOMETRIC_YCBCR) {
      supported = bits_ == 8 && (samples_ == 1 || (samples_ == 3 && compression_ == COMPRESSION_JPEG && !planes_));
    }
    if (!supported) refuse();
    if (compression_ == COMPRESSION_JPEG && jpeg_colours())
      TIFFSetField(tiff_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width_) * samples_ * bits_ + 7) / 8; }

  /// The whole picture as rows of pixels, samples side by side, each row from a new byte on.
  std::vector<std::uint8_t> read_samples() {
    TIFF* tiff = tiff_.get();
    const bool tiled = TIFFIsTiled(tiff);
    std::uint32_t block_width = width_, block_height = height_;
    if (tiled) {
      block_width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
      block_height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
      if (block_width == 0 || block_height == 0 || block_width % 8 != 0) fail("broken tile size");
    } else {
      block_height = std::min(height_, field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, height_));
      if (block_height == 0) fail("strips without rows");
    }
    const int samples_in_block = planes_ ? 1 : samples_;
    const std::size_t block_row_bytes = (static_cast<std::size_t>(block_width) * samples_in_block * bits_ + 7) / 8;
    const auto block_bytes = static_cast<std::size_t>(tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff));
    if (block_bytes != block_row_bytes * block_height || block_bytes > static_cast<std::size_t>(kMaxPixels) * 8)
      fail("strips or tiles of an unexpected size");

    // Not cleared: a block that is not there, however large the file claims it to be, costs no memory.
    const auto block = std::make_unique_for_overwrite<std::uint8_t[]>(block_bytes);
    std::vector<std::uint8_t> samples;
    for (int plane = 0; plane < (planes_ ? samples_ : 1); ++plane) {
      for (std::uint32_t y = 0; y < height_; y += block_height) {
        for (std::uint32_t x = 0; x < width_; x += block_width) {
          const std::uint32_t rows = std::min(block_height, height_ - y), columns = std::min(block_width, width_ - x);
          read_block(x, y, plane, tiled, (tiled ? block_height : rows) * block_row_bytes, block.get());
          if (samples.empty()) samples.resize(row_bytes() * height_);  // not before a block could be read
          for (std::uint32_t row = 0; row < rows; ++row)
            place(&block[row * block_row_bytes], columns, plane, &samples[(y + row) * row_bytes()], x);
        }
      }
    }
    return samples;
  }

  void read_block(std::uint32_t x, std::uint32_t y, int plane, bool tiled, std::size_t expected, std::uint8_t* block) {
    TIFF* tiff = tiff_.get();
    source_.complaint.clear();  // what it said about tags that we do not use
    const auto size = static_cast<tmsize_t>(expected);
    const auto of_plane = static_cast<std::uint16_t>(plane);
    const tmsize_t read = tiled ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, of_plane), block, size)
                                : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, of_plane), block, size);
    // Some errors libtiff reports, and goes on with what it has.
    if (read < size || !source_.complaint.empty()) fail("the file is truncated or broken");
  }

  /// One row of a block to column `x` of a row of the picture.
  void place(const std::uint8_t* from, std::uint32_t columns, int plane, std::uint8_t* row, std::uint32_t x) const {
    if (planes_) {
      for (std::uint32_t i = 0; i < columns; ++i) row[static_cast<std::size_t>(x + i) * samples_ + plane] = from[i];
    } else {  // x is 0 or a multiple of 8
      const std::size_t bits_per_pixel = static_cast<std::size_t>(samples_) * bits_;
      std::memcpy(row + x * bits_per_pixel / 8, from, (columns * bits_per_pixel + 7) / 8);
    }
  }

  void convert_row(const std::uint8_t* in, std::uint8_t* rgb) {
    const int step = samples_ * bits_ / 8;
    if (bits_ < 8 || photometric_ == PHOTOMETRIC_PALETTE) return convert_packed_row(in, rgb);
    for (std::uint32_t x = 0; x < width_; ++x, in += step, rgb += 3) {
      if (photometric_ == PHOTOMETRIC_SEPARATED) {
        cmyk_to_rgb(in[0], in[1], in[2], in[3], rgb);
      } else if (grey() || samples_ == 1) {
        const std::uint8_t value = bits_ == 16 ? clip_grey16(sample16(in)) : *in;
        put_grey(rgb, photometric_ == PHOTOMETRIC_MINISWHITE ? static_cast<std::uint8_t>(255 - value) : value);
      } else if (bits_ == 16) {
        for (int c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(sample16(in + 2 * c) >> 8);
      } else if (extras_ > 0 && first_extra_ == EXTRASAMPLE_ASSOCALPHA) {
        for (int c = 0; c < 3; ++c)
          rgb[c] = in[3] == 0 ? 0 : static_cast<std::uint8_t>(std::min(255, in[c] * 255 / in[3]));
      } else {
        std::copy_n(in, 3, rgb);
      }
    }
  }

  void convert_packed_row(const std::uint8_t* in, std::uint8_t* rgb) {
    std::array<std::uint16_t*, 3> map{};
    if (photometric_ == PHOTOMETRIC_PALETTE && !TIFFGetField(tiff_.get(), TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
      fail("a palette image without a palette");
    const int top = (1 << bits_) - 1;
    for (std::uint32_t x = 0; x < width_; ++x, rgb += 3) {
      const std::size_t bit = static_cast<std::size_t>(x) * bits_;
      const int value = in[bit / 8] >> (8 - bits_ - static_cast<int>(bit % 8)) & top;
      if (photometric_ == PHOTOMETRIC_PALETTE) {
        for (int c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(map[c][value] >> 8);
      } else {
        const int level = photometric_ == PHOTOMETRIC_MINISWHITE ? top - value : value;
        put_grey(rgb, static_cast<std::uint8_t>(level * 255 / top));
      }
    }
  }

  static unsigned sample16(const std::uint8_t* in) {  // libtiff has put the bytes into the machine's order
    std::uint16_t value;
    std::memcpy(&value, in, sizeof value);
    return value;
  }

  /// Turn and mirror as the orientation tag says. For TIFF, unlike JPEG, Pillow does so when it opens a file.
  void orient(Image& image) const {
    if (orientation_ < 2 || orientation_ > 8) return;
    // For each value of the tag: are rows and columns exchanged, and which of the result's coordinates count from the
    // end?
    struct Turn {
      bool transposed, x_reversed, y_reversed;
    };
    static constexpr std::array<Turn, 9> kTurns{{{},
                                                 {false, false, false},
                                                 {false, true, false},
                                                 {false, true, true},
                                                 {false, false, true},
                                                 {true, false, false},
                                                 {true, true, false},
                                                 {true, true, true},
                                                 {true, false, true}}};
    const Turn turn = kTurns[orientation_];
    const Image stored = image;
    if (turn.transposed) std::swap(image.width, image.height);
    std::uint8_t* to = image.rgb.data();
    for (int y = 0; y < image.height; ++y) {
      const int row = turn.y_reversed ? image.height - 1 - y : y;
      for (int x = 0; x < image.width; ++x, to += 3) {
        const int column = turn.x_reversed ? image.width - 1 - x : x;
        const std::size_t from = turn.transposed ? static_cast<std::size_t>(column) * stored.width + row
                                                 : static_cast<std::size_t>(row) * stored.width + column;
        std::copy_n(&stored.rgb[from * 3], 3, to);
      }
    }
  }

  Source source_;
  std::unique_ptr<TIFF, Close> tiff_;
  std::uint32_t width_ = 0, height_ = 0;
  int bits_ = 0, samples_ = 0, compression_ = 0, photometric_ = 0, orientation_ = 0;
  std::uint16_t extras_ = 0, first_extra_ = 0;
  bool planes_ = false;  // colours stored one after the other instead of side by side
};

}  // namespace

void decode_tiff(Bytes file, Image& out) { Picture(file).decode(out); }

}  // namespace mosaic
