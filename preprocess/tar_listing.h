#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"

namespace mosaic {

/// A file in a tar.
struct TarMember {
  std::string name;         // as it stands there, without "./" before it
  std::int64_t offset = 0;  // where its bytes begin in the file that was read
  std::int64_t bytes = 0;   // all of which are there
};

/// The regular files of the tar that takes the bytes [begin, end) of `file`, in their order: tars as ustar, GNU and pax make them. Reads
/// headers, and skips what is between.
/// @param where  for messages: "train.tar", "train.tar: n01440764.tar"
/// @throws Error if it is no tar, compressed, damaged or not all there; if a member is sparse, or is a link and called an image
std::vector<TarMember> list_tar(const FileDescriptor& file, std::int64_t begin, std::int64_t end,
                                const std::string& where);

/// The same of a whole file.
std::vector<TarMember> list_tar(const std::string& path);

}  // namespace mosaic
