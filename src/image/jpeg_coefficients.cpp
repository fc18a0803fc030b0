#include "image/jpeg_coefficients.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "image/jpeg_reader.h"

namespace mosaic {
namespace {

using Component = JpegCoefficients::Component;

constexpr std::size_t kBlock = 64;

std::string unsupported(const jpeg_decompress_struct& info) {
  if (info.data_precision != 8) return "not 8-bit";
  if (info.num_components == 1) return info.jpeg_color_space == JCS_GRAYSCALE ? "" : "colours other than YCbCr";
  if (info.num_components != 3) return "CMYK or YCCK";
  return info.jpeg_color_space == JCS_YCbCr ? "" : "colours other than YCbCr";
}

Component read_component(JpegReader& jpeg, int c, jvirt_barray_ptr array) {
  const jpeg_component_info& from = jpeg.info.comp_info[c];
  Component to{.h = from.h_samp_factor,
               .v = from.v_samp_factor,
               .blocks_x = static_cast<int>(from.width_in_blocks),
               .blocks_y = static_cast<int>(from.height_in_blocks),
               .quant = {},
               .blocks = {}};
  std::copy_n(from.quant_table->quantval, kBlock, to.quant.begin());
  const std::size_t row_words = kBlock * to.blocks_x;
  to.blocks.resize(row_words * to.blocks_y);
  jpeg.errors.guard([&] {
    for (int y = 0; y < to.blocks_y; ++y) {
      JBLOCKARRAY row = jpeg.info.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&jpeg.info), array,
                                                          static_cast<JDIMENSION>(y), 1, FALSE);
      std::memcpy(&to.blocks[y * row_words], row[0], row_words * sizeof(JCOEF));
    }
  });
  return to;
}

/// A libjpeg compressor that writes into memory of its own.
struct JpegWriter {
  JpegWriter() {
    info.err = errors.manager();
    errors.guard([&] {
      jpeg_create_compress(&info);
      jpeg_mem_dest(&info, &buffer, &size);
    });
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info);
    std::free(buffer);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  jpeg_compress_struct info{};
  JpegErrors errors;
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
};

void describe(jpeg_compress_struct& info, const JpegCoefficients& image) {
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = static_cast<int>(image.components.size());
  info.in_color_space = info.input_components == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
  jpeg_set_defaults(&info);
  info.optimize_coding = TRUE;
  for (int c = 0; c < info.input_components; ++c) {
    const Component& component = image.components[static_cast<std::size_t>(c)];
    info.comp_info[c].h_samp_factor = component.h;
    info.comp_info[c].v_samp_factor = component.v;
    info.comp_info[c].quant_tbl_no = c;
    JQUANT_TBL*& table = info.quant_tbl_ptrs[c];
    if (!table) table = jpeg_alloc_quant_table(reinterpret_cast<j_common_ptr>(&info));
    std::copy_n(component.quant.begin(), kBlock, table->quantval);
  }
}

/// libjpeg wants room for whole MCUs; what is in it beyond the image's own blocks it does not read.
jvirt_barray_ptr request_blocks(jpeg_compress_struct& info, const Component& component) {
  const auto up = [](int blocks, int factor) {
    return static_cast<JDIMENSION>((blocks + factor - 1) / factor * factor);
  };
  return info.mem->request_virt_barray(reinterpret_cast<j_common_ptr>(&info), JPOOL_IMAGE, TRUE,
                                       up(component.blocks_x, component.h), up(component.blocks_y, component.v),
                                       static_cast<JDIMENSION>(component.v));
}

void fill_blocks(jpeg_compress_struct& info, jvirt_barray_ptr array, const Component& component) {
  const std::size_t row_words = kBlock * component.blocks_x;
  for (int y = 0; y < component.blocks_y; ++y) {
    JBLOCKARRAY row =
        info.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&info), array, static_cast<JDIMENSION>(y), 1, TRUE);
    std::memcpy(row[0], &component.blocks[y * row_words], row_words * sizeof(JCOEF));
  }
}

}  // namespace

std::string read_jpeg_coefficients(std::span<const std::byte> file, JpegCoefficients& out) {
  JpegReader jpeg(file);
  jpeg.read_header();
  if (auto reason = unsupported(jpeg.info); !reason.empty()) return reason;
  jvirt_barray_ptr* arrays = nullptr;
  jpeg.errors.guard([&] { arrays = jpeg_read_coefficients(&jpeg.info); });
  if (!arrays) return "no end marker";
  out.width = static_cast<int>(jpeg.info.image_width);
  out.height = static_cast<int>(jpeg.info.image_height);
  out.components.clear();
  for (int c = 0; c < jpeg.info.num_components; ++c) out.components.push_back(read_component(jpeg, c, arrays[c]));
  return jpeg.errors.warnings() > 0 ? "libjpeg warns" : "";
}

std::vector<std::byte> write_jpeg(const JpegCoefficients& image) {
  JpegWriter jpeg;
  std::array<jvirt_barray_ptr, 3> arrays{};
  jpeg.errors.guard([&] {
    describe(jpeg.info, image);
    for (std::size_t c = 0; c < image.components.size(); ++c)
      arrays[c] = request_blocks(jpeg.info, image.components[c]);
    jpeg_write_coefficients(&jpeg.info, arrays.data());  // makes the arrays real
    for (std::size_t c = 0; c < image.components.size(); ++c) fill_blocks(jpeg.info, arrays[c], image.components[c]);
    jpeg_finish_compress(&jpeg.info);
  });
  const auto* bytes = reinterpret_cast<const std::byte*>(jpeg.buffer);
  return {bytes, bytes + jpeg.size};
}

}  // namespace mosaic
