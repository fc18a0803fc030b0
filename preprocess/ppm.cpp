#include "preprocess/ppm.h"

#include <span>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {

void write_ppm(const std::string& path, ImageView image) {
  const FileDescriptor file = open_to_write(path);
  const std::string header = str("P6\n", image.width, " ", image.height, "\n255\n");
  const std::size_t bytes = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3;
  write_all(file, std::as_bytes(std::span(header)), path);
  write_all(file, std::as_bytes(std::span(image.rgb, bytes)), path);
}

}  // namespace mosaic
