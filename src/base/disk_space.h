#pragma once

#include <cstdint>
#include <string>

namespace mosaic {

/// Bytes that may still be written to the disk of `folder`: what is free there, less one share in twenty of the disk, which others may need.
/// @throws SystemError
std::uint64_t room_on_disk(const std::string& folder);

}  // namespace mosaic
