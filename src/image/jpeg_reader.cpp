#include "image/jpeg_reader.h"

#include <algorithm>

namespace mosaic {
namespace {

void start_source(j_decompress_ptr /*info*/) {}
boolean refill(j_decompress_ptr /*info*/) { return FALSE; }
void end_source(j_decompress_ptr /*info*/) {}
void skip(j_decompress_ptr info, long bytes) {
  const auto n = std::min(static_cast<std::size_t>(std::max(bytes, 0L)), info->src->bytes_in_buffer);
  info->src->next_input_byte += n;
  info->src->bytes_in_buffer -= n;
}

}  // namespace

JpegErrors::JpegErrors() {
  jpeg_std_error(&traps_.base);
  traps_.base.error_exit = on_error;
  traps_.base.emit_message = on_message;
}

void JpegErrors::on_error(j_common_ptr info) {
  auto* traps = reinterpret_cast<Traps*>(info->err);
  info->err->format_message(info, traps->message.data());
  std::longjmp(traps->jump, 1);
}

void JpegErrors::on_message(j_common_ptr info, int level) {
  if (level < 0) ++info->err->num_warnings;
}

JpegReader::JpegReader(Bytes file) {
  info.err = errors.manager();
  errors.guard([&] { jpeg_create_decompress(&info); });
  source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
  source_.bytes_in_buffer = file.size();
  source_.init_source = start_source;
  source_.fill_input_buffer = refill;
  source_.skip_input_data = skip;
  source_.resync_to_restart = jpeg_resync_to_restart;
  source_.term_source = end_source;
  info.src = &source_;
}

void JpegReader::read_header() {
  int found = JPEG_HEADER_TABLES_ONLY;
  errors.guard([&] {
    while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&info, FALSE);
  });
  if (found == JPEG_SUSPENDED) throw_truncated_jpeg();
}

void throw_truncated_jpeg() { throw Error("JPEG: the file is truncated"); }

}  // namespace mosaic
