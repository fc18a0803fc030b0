#include "report/contact_sheet.h"

#include <gd.h>
#include <gdfonts.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr int kGap = 8;          // pixels between tiles, and around them
constexpr int kLeastTile = 120;  // of a cell's width: room for twenty letters

struct Layout {
  int tile_width, tile_height;  // as drawn
  int zoom, cell, columns, rows, caption_lines, line_height;

  int width() const { return kGap + columns * (cell + kGap); }
  int row_height() const { return tile_height + caption_lines * line_height + kGap; }
  int height() const { return kGap + line_height + kGap + rows * row_height(); }
};

Layout layout_of(const std::vector<Tile>& tiles, int width, int height) {
  Layout layout{};
  layout.line_height = gdFontGetSmall()->h;
  layout.zoom = std::max(1, kLeastTile / width);
  layout.tile_width = width * layout.zoom;
  layout.tile_height = height * layout.zoom;
  layout.cell = std::max(kLeastTile, layout.tile_width);
  const int count = static_cast<int>(tiles.size());
  layout.columns = static_cast<int>(std::ceil(std::sqrt(count)));
  layout.rows = (count + layout.columns - 1) / layout.columns;
  for (const Tile& tile : tiles)
    layout.caption_lines = std::max(layout.caption_lines, static_cast<int>(tile.captions.size()));
  return layout;
}

class Sheet {
 public:
  Sheet(int width, int height) : image_(gdImageCreateTrueColor(width, height), gdImageDestroy) {
    if (!image_) throw Error(str("contact sheet: no memory for ", width, " x ", height, " pixels"), kExitCrash);
    gdImageFilledRectangle(image_.get(), 0, 0, width - 1, height - 1, gdTrueColor(255, 255, 255));
  }

  void draw(const Tile& tile, int left, int top, const Layout& layout) {
    const int width = layout.tile_width / layout.zoom;
    for (int y = 0; y < layout.tile_height; ++y) {
      for (int x = 0; x < layout.tile_width; ++x) {
        const std::uint8_t* rgb = &tile.rgb[(static_cast<std::size_t>(y / layout.zoom) * width + x / layout.zoom) * 3];
        gdImageSetPixel(image_.get(), left + x, top + y, gdTrueColor(rgb[0], rgb[1], rgb[2]));
      }
    }
  }

  /// Cut to `width` pixels.
  void write(std::string text, int left, int top, int width) {
    gdFontPtr font = gdFontGetSmall();
    const auto most = static_cast<std::size_t>(std::max(width / font->w, 4));
    if (text.size() > most) text = text.substr(0, most - 3) + "...";
    gdImageString(image_.get(), font, left, top, reinterpret_cast<unsigned char*>(text.data()), gdTrueColor(0, 0, 0));
  }

  std::string png() const {
    int size = 0;
    const std::unique_ptr<void, void (*)(void*)> bytes(gdImagePngPtr(image_.get(), &size), gdFree);
    if (!bytes) throw Error("contact sheet: the PNG file could not be made", kExitCrash);
    return {static_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)};
  }

 private:
  std::unique_ptr<gdImage, void (*)(gdImagePtr)> image_;
};

}  // namespace

std::string contact_sheet(const std::string& title, const std::vector<Tile>& tiles, int width, int height) {
  if (tiles.empty()) throw Error("contact sheet: got no images, expected at least one");
  const std::size_t bytes = static_cast<std::size_t>(width) * height * 3;
  for (const Tile& tile : tiles) {
    if (tile.rgb.size() != bytes)
      throw Error(str("contact sheet: an image of ", tile.rgb.size(), " bytes, expected ", bytes));
  }
  const Layout layout = layout_of(tiles, width, height);
  Sheet sheet(layout.width(), layout.height());
  sheet.write(title, kGap, kGap, layout.width() - 2 * kGap);
  for (int i = 0; i < static_cast<int>(tiles.size()); ++i) {
    const Tile& tile = tiles[i];
    const int left = kGap + i % layout.columns * (layout.cell + kGap);
    int top = kGap + layout.line_height + kGap + i / layout.columns * layout.row_height();
    sheet.draw(tile, left, top, layout);
    top += layout.tile_height;
    for (const std::string& line : tile.captions) {
      sheet.write(line, left, top, layout.cell);
      top += layout.line_height;
    }
  }
  return sheet.png();
}

}  // namespace mosaic
