#include "image/decode.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "catch.h"
#include "image/pictures.h"
#include "support.h"

namespace mosaic {
namespace {

using test::message_of;
using test::sha256_of;

std::string corpus(const std::string& name) { return test::source_folder() + "/tests/corpus/images/" + name; }

std::vector<std::byte> corpus_file(const std::string& name) { return read_file(corpus(name)); }

/// A line of tests/corpus/images/INDEX.tsv.
struct IndexLine {
  std::string file;
  std::string size;    // "37x21", or "error"
  std::string detail;  // SHA-256 of the pixels, or part of the message
};

std::vector<IndexLine> corpus_index() {
  std::istringstream text(test::read_text(corpus("INDEX.tsv")));
  std::vector<IndexLine> lines;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    IndexLine entry;
    std::getline(fields, entry.file, '\t');
    std::getline(fields, entry.size, '\t');
    std::getline(fields, entry.detail, '\t');
    lines.push_back(entry);
  }
  return lines;
}

TEST_CASE("every variant of every format gives Pillow's pixels, or its own error", "[image]") {
  const auto index = corpus_index();
  REQUIRE(index.size() > 150);
  for (const IndexLine& line : index) {
    CAPTURE(line.file);
    const auto file = corpus_file(line.file);
    if (line.size == "error") {
      const std::string message = message_of([&] { decode_file(file); });
      CAPTURE(message);
      CHECK(message.find(line.detail) != std::string::npos);
      CHECK(message.size() > line.detail.size());
    } else {
      Image image;
      CHECK(message_of([&] { image = decode_file(file); }) == "");
      CHECK(str(image.width, "x", image.height) == line.size);
      CHECK(sha256_of(image.rgb) == line.detail);
    }
  }
}

TEST_CASE("the format is what the first bytes say", "[image]") {
  const auto format = [](const std::string& text) { return image_format(std::as_bytes(std::span(text))); };
  CHECK(format("\xff\xd8\xff\xe0") == ImageFormat::kJpeg);
  CHECK(format("\x89PNG\r\n\x1a\n") == ImageFormat::kPng);
  CHECK(format("P6\n1 1\n255\nabc") == ImageFormat::kPnm);
  CHECK(format("P7\n") == ImageFormat::kUnknown);
  CHECK(format("P6") == ImageFormat::kUnknown);
  CHECK(format("BM") == ImageFormat::kBmp);
  CHECK(format(std::string("II*\0", 4)) == ImageFormat::kTiff);
  CHECK(format(std::string("MM\0+", 4)) == ImageFormat::kTiff);
  CHECK(format("RIFF....WEBPVP8 ") == ImageFormat::kWebp);
  CHECK(format("RIFF....WAVE") == ImageFormat::kUnknown);
  CHECK(format("GIF89a") == ImageFormat::kUnknown);
  CHECK(format("") == ImageFormat::kUnknown);
}

TEST_CASE("a JPEG cut anywhere is an error that says so", "[image]") {
  for (const char* name : {"420.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    const auto file = corpus_file(name);
    for (std::size_t size = 3; size + 2 < file.size(); ++size) {
      CAPTURE(name, size);
      CHECK(message_of([&] { decode_file(std::span(file).first(size)); }) == "JPEG: the file is truncated");
    }
  }
}

TEST_CASE("stored JPEGs and stored pixels come out, in memory that is used again", "[image]") {
  const auto jpeg = corpus_file("420.jpg");
  const Image expected = decode_file(jpeg);
  Image out;
  decode_stored({StoredKind::kJpegFile, expected.width, expected.height, jpeg}, out);
  CHECK(out.rgb == expected.rgb);

  const std::uint8_t* memory = out.rgb.data();
  const Image small = test::generated_image(5, 3, 1);
  decode_stored({StoredKind::kPixels, 5, 3, std::as_bytes(std::span(small.rgb))}, out);
  CHECK(out.width == 5);
  CHECK(out.height == 3);
  CHECK(out.rgb == small.rgb);
  CHECK(out.rgb.data() == memory);
  decode_stored({StoredKind::kJpegFile, expected.width, expected.height, jpeg}, out);
  CHECK(out.rgb == expected.rgb);
  CHECK(out.rgb.data() == memory);
}

TEST_CASE("what a shard holds must be what it says", "[image]") {
  Image out;
  const auto message = [&](StoredImage image) { return message_of([&] { decode_stored(image, out); }); };
  const auto jpeg = corpus_file("420.jpg"), png = corpus_file("rgb8.png");
  CHECK(message({StoredKind::kJpegFile, 40, 21, jpeg}) == "JPEG: 37 x 21 pixels, expected 40 x 21");
  CHECK(message({StoredKind::kJpegFile, 37, 21, png}) == "not a JPEG (starts with 89 50 4e 47)");
  CHECK(message({StoredKind::kPixels, 5, 3, std::span(png).first(44)}) ==
        "44 bytes of pixels, expected 45 (5 x 3 x 3)");
  CHECK(message({StoredKind::kPixels, 0, 3, {}}) == "an image of 0 x 3 pixels: expected at least 1 x 1");
  CHECK(message({static_cast<StoredKind>(7), 5, 3, {}}) == "stored as kind 7, expected 0 (a JPEG file) or 1 (pixels)");
}

/// A copy with a few bytes changed, and now and then cut short or with a piece doubled.
std::vector<std::byte> damaged(std::vector<std::byte> file, KeyedRandom& random) {
  const auto place = [&] {
    return static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(file.size())));
  };
  const auto changes = 1 + random.uniform_int(6);
  for (int i = 0; i < changes; ++i) {
    // Half of them in the first 100 bytes, where the headers are.
    const std::size_t at = random.uniform_int(2) ? place() : place() % 100 % file.size();
    file[at] = random.uniform_int(3) ? static_cast<std::byte>(random.uniform_int(256)) : std::byte{0xff};
  }
  if (random.uniform_int(8) == 0) file.resize(1 + place());
  if (random.uniform_int(8) == 0) {
    const std::size_t begin = place(), end = begin + std::min<std::size_t>(file.size() - begin, 20);
    const std::vector<std::byte> piece(file.begin() + begin, file.begin() + end);
    file.insert(file.begin() + begin, piece.begin(), piece.end());
  }
  return file;
}

TEST_CASE("damaged files give an error or a picture, never a crash", "[image]") {
  int pictures = 0, errors = 0;
  std::uint64_t number = 0;
  for (const IndexLine& line : corpus_index()) {
    if (line.size == "error") continue;
    CAPTURE(line.file);
    const auto file = corpus_file(line.file);
    ++number;
    for (std::uint64_t i = 0; i < 60; ++i) {
      KeyedRandom random{number, i};
      const auto broken = damaged(file, random);
      try {
        const Image image = decode_file(broken);
        if (image.rgb.size() != static_cast<std::size_t>(image.width) * image.height * 3) FAIL("wrong size at " << i);
        ++pictures;
      } catch (const Error&) {
        ++errors;
      }
    }
  }
  CHECK(pictures > 1000);
  CHECK(errors > 1000);
}

}  // namespace
}  // namespace mosaic
