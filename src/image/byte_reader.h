#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {

/// Little-endian numbers of a file whose lengths cannot be trusted. Only image/ includes this.
class ByteReader {
 public:
  /// @param format  begins each message
  ByteReader(Bytes file, std::string format) : file_(file), format_(std::move(format)) {}

  std::size_t size() const { return file_.size(); }

  /// `size` bytes from `offset` on.
  /// @throws Error "FORMAT: the file is truncated" if the file is shorter
  const std::uint8_t* at(std::size_t offset, std::size_t size) const {
    if (offset > file_.size() || size > file_.size() - offset)
      throw Error(str(format_, ": the file is truncated: ", file_.size(), " bytes, expected at least ", offset + size));
    return reinterpret_cast<const std::uint8_t*>(file_.data()) + offset;
  }
  std::uint8_t u8(std::size_t offset) const { return *at(offset, 1); }
  unsigned u16(std::size_t offset) const {
    const std::uint8_t* p = at(offset, 2);
    return static_cast<unsigned>(p[0] | p[1] << 8);
  }
  std::uint32_t u32(std::size_t offset) const {
    return u16(offset) | static_cast<std::uint32_t>(u16(offset + 2)) << 16;
  }

 private:
  Bytes file_;
  std::string format_;
};

}  // namespace mosaic
