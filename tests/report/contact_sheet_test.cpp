#include "report/contact_sheet.h"

#include <algorithm>

#include "base/error.h"
#include "catch.h"
#include "image/decode.h"

namespace mosaic {
namespace {

/// A tile whose pixels are all different.
Tile tile_of(int width, int height, int seed) {
  Tile tile{.rgb = {}, .captions = {"a class", "and a name that is far longer than its cell is wide"}};
  for (int i = 0; i < width * height * 3; ++i) tile.rgb.push_back(static_cast<std::uint8_t>(i * 7 + seed));
  return tile;
}

Image decoded(const std::string& png) {
  return decode_file({reinterpret_cast<const std::byte*>(png.data()), png.size()});
}

/// The tile's pixels, each as a square of `zoom`, beginning at (left, top).
bool shows(const Image& sheet, const Tile& tile, int width, int height, int zoom, int left, int top) {
  for (int y = 0; y < height * zoom; ++y) {
    for (int x = 0; x < width * zoom; ++x) {
      for (int c = 0; c < 3; ++c) {
        const std::size_t at = (static_cast<std::size_t>(top + y) * sheet.width + left + x) * 3 + c;
        if (sheet.rgb[at] != tile.rgb[(static_cast<std::size_t>(y / zoom) * width + x / zoom) * 3 + c]) return false;
      }
    }
  }
  return true;
}

/// Rows of the sheet, from `top` on, in which something is not white.
int rows_with_ink(const Image& sheet, int top, int rows) {
  int found = 0;
  for (int y = top; y < top + rows; ++y) {
    const auto row = sheet.rgb.begin() + static_cast<std::ptrdiff_t>(y) * sheet.width * 3;
    found += std::any_of(row, row + sheet.width * 3, [](std::uint8_t value) { return value < 128; });
  }
  return found;
}

TEST_CASE("a contact sheet shows every pixel of its tiles, small ones enlarged, and their captions", "[report]") {
  const std::vector<Tile> tiles = {tile_of(30, 20, 0), tile_of(30, 20, 1), tile_of(30, 20, 2)};
  const Image sheet = decoded(contact_sheet("epoch 0", tiles, 30, 20));  // two columns, two rows, four times as large
  CHECK(sheet.width == 8 + 2 * (120 + 8));
  const int first = 8 + 13 + 8, row = 80 + 2 * 13 + 8;
  CHECK(sheet.height == first + 2 * row);
  CHECK(shows(sheet, tiles[0], 30, 20, 4, 8, first));
  CHECK(shows(sheet, tiles[1], 30, 20, 4, 8 + 128, first));
  CHECK(shows(sheet, tiles[2], 30, 20, 4, 8, first + row));
  CHECK(rows_with_ink(sheet, 8, 13) > 4);                    // the title
  CHECK(rows_with_ink(sheet, first + 80, 13) > 4);           // a caption
  CHECK(rows_with_ink(sheet, first + 80 + 13, 13) > 4);      // the second one
  CHECK(rows_with_ink(sheet, first + 80 + 2 * 13, 8) == 0);  // the gap
}

TEST_CASE("large tiles stay as they are", "[report]") {
  const std::vector<Tile> tiles = {tile_of(200, 150, 0)};
  const Image sheet = decoded(contact_sheet("", tiles, 200, 150));
  CHECK(sheet.width == 200 + 2 * 8);
  CHECK(shows(sheet, tiles[0], 200, 150, 1, 8, 8 + 13 + 8));
}

TEST_CASE("a contact sheet of no tiles, or of tiles of another size, is refused", "[report]") {
  CHECK_THROWS_AS(contact_sheet("", {}, 30, 20), Error);
  CHECK_THROWS_AS(contact_sheet("", {tile_of(30, 21, 0)}, 30, 20), Error);
}

}  // namespace
}  // namespace mosaic
