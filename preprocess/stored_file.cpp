#include "preprocess/stored_file.h"

#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "image/decode.h"

namespace mosaic {
namespace {

StoredFile load(const std::string& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  // Opening a pipe would wait for ever.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) throw Error("not a regular file");

  StoredFile file;
  file.jpeg = read_file(path);
  if (file.jpeg.empty()) throw Error("an empty file");
  file.pixels = decode_file(file.jpeg);
  file.width = file.pixels.width;
  file.height = file.pixels.height;
  if (image_format(file.jpeg) == ImageFormat::kJpeg) {
    file.pixels = {};
  } else {
    file.kind = StoredKind::kPixels;
    file.jpeg = {};
  }
  return file;
}

}  // namespace

StoredImage StoredFile::image() const {
  const auto bytes =
      kind == StoredKind::kJpegFile ? std::span<const std::byte>(jpeg) : std::as_bytes(std::span(pixels.rgb));
  return {kind, width, height, bytes};
}

StoredFile load_source_file(const std::string& path) {
  try {
    return load(path);
  } catch (const Error& e) {  // a bad file is a result here: all of them are listed at the end
    StoredFile bad;
    bad.fault = e.what();
    if (bad.fault.starts_with(path + ": ")) bad.fault.erase(0, path.size() + 2);
    return bad;
  }
}

}  // namespace mosaic
