#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mosaic {

/// 8-bit RGB, interleaved, rows top to bottom, without gaps: pixel (x, y) begins at (y * width + x) * 3.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

/// Somebody else's pixels, laid out as in `Image`.
struct ImageView {
  const std::uint8_t* rgb = nullptr;
  int width = 0;
  int height = 0;

  ImageView(const std::uint8_t* pixels, int w, int h) : rgb(pixels), width(w), height(h) {}
  ImageView(const Image& image) : rgb(image.rgb.data()), width(image.width), height(image.height) {}  // NOLINT
};

/// A rectangle of pixels.
struct Box {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;

  bool operator==(const Box&) const = default;
};

}  // namespace mosaic
