#include "preprocess/stored_file.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "image/decode.h"
#include "image/resize.h"
#include "packed/pack_jpeg.h"
#include "packed/packed_record.h"

namespace mosaic {
namespace {

/// Larger images scaled as for evaluation: the shorter side to `max_side`, the other in proportion, with Pillow's bytes.
void scale_down(Image& image, int max_side) {
  if (std::min(image.width, image.height) <= max_side) return;
  thread_local ResizeScratch scratch;
  const Size size = resized_to_shorter(image.width, image.height, max_side);
  Image scaled{size.width, size.height, std::vector<std::uint8_t>(std::size_t{3} * size.width * size.height)};
  resize_crop(image, {0, 0, image.width, image.height}, size.width, size.height, false, scratch, scaled.rgb.data());
  image = std::move(scaled);
}

/// How video engineers call it: J:a:b, samples of chroma in two rows of four of luma.
std::string sampling_name(const PackedRecord& record) {
  const auto components = record.components();
  if (components.size() == 1) return "grey";
  const auto &cb = components[1], &cr = components[2];
  if (cb.ratio_x != cr.ratio_x || cb.ratio_y != cr.ratio_y) return "Cb and Cr differ";
  if (cb.ratio_x == 1) return cb.ratio_y == 1 ? "4:4:4" : "4:4:0";
  return cb.ratio_y == 1 ? "4:2:2" : "4:2:0";
}

StoredFile store(std::vector<std::byte> bytes, Storage storage) {
  StoredFile file;
  file.bytes = std::move(bytes);
  file.pixels = decode_file(file.bytes);
  if (storage.max_side > 0) scale_down(file.pixels, storage.max_side);
  file.width = file.pixels.width;
  file.height = file.pixels.height;
  if (storage.max_side > 0 || storage.jpeg == Storage::Jpeg::kPixels ||
      image_format(file.bytes) != ImageFormat::kJpeg) {
    file.kind = StoredKind::kPixels;
    file.bytes = {};
    return file;
  }
  if (storage.jpeg == Storage::Jpeg::kPacked) {
    std::vector<std::byte> record;
    file.why_whole = pack_jpeg(file.bytes, file.pixels, record);
    if (file.why_whole.empty()) {
      file.kind = StoredKind::kPackedJpeg;
      file.bytes = std::move(record);
      file.sampling = sampling_name(PackedRecord(file.bytes));
    }
  }
  file.pixels = {};
  return file;
}

}  // namespace

StoredImage StoredFile::image() const {
  const auto held =
      kind == StoredKind::kPixels ? std::as_bytes(std::span(pixels.rgb)) : std::span<const std::byte>(bytes);
  return {kind, width, height, held};
}

StoredFile load_source_file(const SourceReader& reader, const SourceList& list, const SourceFile& file,
                            Storage storage) {
  try {
    return store(reader.read(file), storage);
  } catch (const Error& e) {  // a bad file is a result here: all of them are listed at the end
    StoredFile bad;
    bad.fault = e.what();
    const std::string where = list.where(file) + ": ";
    if (bad.fault.starts_with(where)) bad.fault.erase(0, where.size());
    return bad;
  }
}

}  // namespace mosaic
