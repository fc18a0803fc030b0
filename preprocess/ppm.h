#pragma once

#include <string>

#include "image/image.h"

namespace mosaic {

/// Write binary PPM (P6, 8 bits), which every image program reads.
/// @throws Error naming the path and the system's reason
void write_ppm(const std::string& path, ImageView image);

}  // namespace mosaic
