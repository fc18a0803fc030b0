#include "preprocess/stored_file.h"

#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "image/decode.h"
#include "packed/pack_jpeg.h"

namespace mosaic {
namespace {

StoredFile load(const std::string& path, bool keep_files) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  // Opening a pipe would wait for ever.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) throw Error("not a regular file");

  StoredFile file;
  file.bytes = read_file(path);
  if (file.bytes.empty()) throw Error("an empty file");
  file.pixels = decode_file(file.bytes);
  file.width = file.pixels.width;
  file.height = file.pixels.height;
  if (image_format(file.bytes) != ImageFormat::kJpeg) {
    file.kind = StoredKind::kPixels;
    file.bytes = {};
    return file;
  }
  if (!keep_files) {
    std::vector<std::byte> record;
    file.why_whole = pack_jpeg(file.bytes, file.pixels, record);
    if (file.why_whole.empty()) {
      file.kind = StoredKind::kPackedJpeg;
      file.bytes = std::move(record);
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

StoredFile load_source_file(const std::string& path, bool keep_files) {
  try {
    return load(path, keep_files);
  } catch (const Error& e) {  // a bad file is a result here: all of them are listed at the end
    StoredFile bad;
    bad.fault = e.what();
    if (bad.fault.starts_with(path + ": ")) bad.fault.erase(0, path.size() + 2);
    return bad;
  }
}

}  // namespace mosaic
