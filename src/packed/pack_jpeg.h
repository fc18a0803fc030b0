#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "image/image.h"

namespace mosaic {

/// Turn a JPEG file into a record of packed coefficients, and check it: what the record gives back must be the coefficients
/// that libjpeg reads from the file, and the pixels that libjpeg decodes it to.
/// @param jpeg    a whole file that `decode_file` reads
/// @param pixels  what that gave
/// @param record  overwritten; of no use if there is a reason
/// @return nothing, or why the file must stay a file: a few words, the same for all files of a kind
std::string pack_jpeg(std::span<const std::byte> jpeg, const Image& pixels, std::vector<std::byte>& record);

}  // namespace mosaic
