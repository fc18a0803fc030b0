#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "image/jpeg_coefficients.h"

namespace mosaic {

/// Write `image` as a record of packed coefficients, without loss.
/// @param record  overwritten; of no use if there is a reason
/// @return nothing, or why it cannot be one: a few words, the same for all images of a kind
std::string encode_record(const JpegCoefficients& image, std::vector<std::byte>& record);

}  // namespace mosaic
