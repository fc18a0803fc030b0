#include "remote/file_part.h"

#include <unistd.h>

#include <cerrno>

namespace mosaic {

HttpGet::Sink FilePart::sink() {
  return [this](std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(next_));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_system_error(path_, "write");
      next_ += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  };
}

}  // namespace mosaic
