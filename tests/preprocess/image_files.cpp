#include "preprocess/image_files.h"

#include <cstdint>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "catch.h"
#include "preprocess/ppm.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

}  // namespace

Image picture(int width, int height, int seed) {
  Image image{width, height, {}};
  for (int i = 0; i < width * height * 3; ++i)
    image.rgb.push_back(static_cast<std::uint8_t>(i * 37 + i / 11 + seed * 101));
  return image;
}

void write_picture(const std::string& path, int width, int height, int seed) {
  fs::create_directories(fs::path(path).parent_path());
  write_ppm(path, picture(width, height, seed));
}

void write_bmp_picture(const std::string& path, int width, int height, int seed) {
  const Image image = picture(width, height, seed);
  std::string rows;
  for (int y = height - 1; y >= 0; --y) {  // bottom to top, blue first, rows padded to 4 bytes
    for (int x = 0; x < width; ++x)
      for (int c = 2; c >= 0; --c)
        rows += static_cast<char>(image.rgb[static_cast<std::size_t>((y * width + x) * 3 + c)]);
    while (rows.size() % 4 != 0) rows += '\0';
  }
  const auto size = static_cast<std::uint32_t>(rows.size());
  fs::create_directories(fs::path(path).parent_path());
  write_text(path, "BM" + little_endian(54 + size, 4) + little_endian(0, 4) + little_endian(54, 4) +
                       little_endian(40, 4) + little_endian(static_cast<std::uint32_t>(width), 4) +
                       little_endian(static_cast<std::uint32_t>(height), 4) + little_endian(1, 2) +
                       little_endian(24, 2) + little_endian(0, 4) + little_endian(size, 4) + std::string(16, '\0') +
                       rows);
}

void copy_corpus_image(const std::string& name, const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  fs::copy_file(source_folder() + "/tests/corpus/images/" + name, path);
}

void write_small_folder(const std::string& root, int per_class) {
  int seed = 0;
  for (const char* split : {"train", "val"})
    for (const char* label : {"a", "b"}) {
      const std::string folder = str(root, "/", split, "/", label);
      for (int i = 0; i < (split == std::string("train") ? per_class : 1); ++i)
        write_picture(str(folder, "/", i, ".ppm"), 20 + seed, 15, seed), ++seed;
      write_bmp_picture(folder + "/deeper/picture.bmp", 9, 7, ++seed);
      copy_corpus_image("420.jpg", folder + "/photo.JPEG");
    }
}

Image read_ppm(const std::string& path) {
  const std::string text = read_text(path);
  std::istringstream in(text);
  std::string magic;
  int width = 0, height = 0, most = 0;
  in >> magic >> width >> height >> most;
  REQUIRE(magic == "P6");
  REQUIRE(most == 255);
  const std::size_t begin = static_cast<std::size_t>(in.tellg()) + 1;
  REQUIRE(text.size() == begin + static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return {width, height, {text.begin() + static_cast<std::ptrdiff_t>(begin), text.end()}};
}

}  // namespace mosaic::test
