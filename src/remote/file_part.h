#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/file.h"
#include "remote/http_get.h"

namespace mosaic {

/// Writes pieces into a file one behind the other, from some byte on.
class FilePart {
 public:
  FilePart(const FileDescriptor& file, const std::string& path, std::uint64_t begin)
      : file_(file), path_(path), next_(begin) {}

  /// For HttpGet::read, while this lives.
  /// @throws SystemError
  HttpGet::Sink sink();

 private:
  const FileDescriptor& file_;
  const std::string& path_;
  std::uint64_t next_;
};

}  // namespace mosaic
