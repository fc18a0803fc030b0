#pragma once

#include <cstddef>
#include <cstdint>

namespace mosaic {

/// Numbers of the packed record, at any address, on any machine.
inline std::uint16_t load_u16(const std::byte* at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) | std::to_integer<unsigned>(at[1]) << 8);
}
inline std::uint32_t load_u32(const std::byte* at) {
  return load_u16(at) | static_cast<std::uint32_t>(load_u16(at + 2)) << 16;
}

}  // namespace mosaic
