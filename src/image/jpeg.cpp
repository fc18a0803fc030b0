#include <vector>

#include "image/jpeg_reader.h"

namespace mosaic {
namespace {

/// Row y goes to first + y * stride, then `done(y)` is called.
template <class Done>
void read_rows(JpegReader& jpeg, std::uint8_t* first, std::size_t stride, Done done) {
  const int height = static_cast<int>(jpeg.info.output_height);
  JDIMENSION read = 1;
  for (int y = 0; y < height; ++y) {
    jpeg.errors.guard([&] {
      JSAMPROW row = first + static_cast<std::size_t>(y) * stride;
      read = jpeg_read_scanlines(&jpeg.info, &row, 1);
    });
    if (read != 1) throw_truncated_jpeg();
    done(y);
  }
}

/// All four-component files are taken as Adobe's, which store 255 - ink, as Pillow does.
void convert_row(const std::uint8_t* cmyk, std::uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3)
    cmyk_to_rgb(255 - cmyk[0], 255 - cmyk[1], 255 - cmyk[2], 255 - cmyk[3], rgb);
}

void read_pixels(JpegReader& jpeg, Image& out) {
  boolean started = FALSE;
  jpeg.errors.guard([&] { started = jpeg_start_decompress(&jpeg.info); });
  if (!started) throw_truncated_jpeg();
  const std::size_t stride = static_cast<std::size_t>(out.width) * 3;
  if (jpeg.info.out_color_space == JCS_CMYK) {
    std::vector<std::uint8_t> row(static_cast<std::size_t>(out.width) * 4);
    read_rows(jpeg, row.data(), 0, [&](int y) { convert_row(row.data(), out.rgb.data() + y * stride, out.width); });
  } else {
    read_rows(jpeg, out.rgb.data(), stride, [](int) {});
  }
  // What follows the last row is read too, up to the end marker: damage there is an error, a missing end is not.
  jpeg.errors.guard([&] { jpeg_finish_decompress(&jpeg.info); });
}

}  // namespace

void decode_jpeg(Bytes file, Image& out, const ExpectedSize* expected) {
  JpegReader jpeg(file);
  jpeg.read_header();
  const int components = jpeg.info.num_components;
  if (components != 1 && components != 3 && components != 4)
    throw Error(str("JPEG: ", components, " colour components, expected 1, 3 or 4"));
  jpeg.info.out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
  const std::int64_t width = jpeg.info.image_width, height = jpeg.info.image_height;
  if (expected && (width != expected->width || height != expected->height))
    throw Error(str("JPEG: ", width, " x ", height, " pixels, expected ", expected->width, " x ", expected->height));
  set_size(out, width, height);
  read_pixels(jpeg, out);
}

}  // namespace mosaic
