#pragma once

#include <array>
#include <cstdint>

#include "image/image.h"

namespace mosaic {

/// RandAugment's operations on tone: each channel's value is looked up in a table, wherever its pixel is.
/// Byte for byte what Pillow 9.4's ImageOps gives. `out`: as many bytes as `in` has; may be the same ones.

using ToneTable = std::array<std::uint8_t, 256>;

/// out = table[in], one table for all channels.
void apply_table(ImageView in, const ToneTable& table, std::uint8_t* out);

/// Stretch each channel to [0, 255]. A channel of one value stays.
void autocontrast(ImageView in, std::uint8_t* out);

/// Flatten each channel's histogram. A channel of one value stays, and so does one with fewer than 255 pixels below its
/// highest value.
void equalize(ImageView in, std::uint8_t* out);

/// Keep the `bits` highest bits of each value. @param bits  in [0, 8]
void posterize(ImageView in, int bits, std::uint8_t* out);

/// Invert all values from `threshold` on. @param threshold  in [0, 256]
void solarize(ImageView in, int threshold, std::uint8_t* out);

}  // namespace mosaic
