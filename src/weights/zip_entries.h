#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace mosaic {

/// The files in a zip archive, by name.
/// @param archive  the whole file
/// @throws Error saying what is wrong: no zip archive, a checksum, an entry that claims more bytes than the archive has (those of weights are stored, not packed)
std::map<std::string, std::vector<std::byte>> read_zip(std::span<const std::byte> archive);

/// A zip archive of `files`, which are stored as they are, synced. Same input, same bytes.
/// @throws Error naming the path and the reason
void write_zip(const std::string& path, const std::map<std::string, std::span<const std::byte>>& files);

}  // namespace mosaic
