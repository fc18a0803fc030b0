#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// One image of a contact sheet.
struct Tile {
  std::vector<std::uint8_t> rgb;      // width * height * 3, rows top to bottom
  std::vector<std::string> captions;  // lines under it; what is too long is cut, with dots
};

/// A PNG file with the tiles side by side, row by row, and `title` above them. Pixels are shown as they are, small tiles enlarged by
/// a whole number.
/// @param width, height  of all tiles in pixels
/// @throws Error if there is no tile, or one has another size
std::string contact_sheet(const std::string& title, const std::vector<Tile>& tiles, int width, int height);

}  // namespace mosaic
