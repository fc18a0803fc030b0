#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "catch.h"
#include "image/decode.h"
#include "image/pictures.h"
#include "support.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;
using test::shared_path;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

/// A table with a heading: the field of a row by the name of its column.
class Table {
 public:
  explicit Table(const std::string& path) {
    const auto lines = split(test::read_text(path), '\n');
    columns_ = split(lines.at(0), '\t');
    for (std::size_t i = 1; i < lines.size(); ++i) rows_.push_back(split(lines[i], '\t'));
  }
  std::size_t rows() const { return rows_.size(); }
  std::string at(std::size_t row, const std::string& column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) throw Error(str("no column ", column));
    const auto i = static_cast<std::size_t>(found - columns_.begin());
    return i < rows_.at(row).size() ? rows_[row][i] : "";  // empty ones at the end of a line
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

TEST_CASE("rare, broken and hostile files are judged and decoded as Pillow does", "[image][shared]") {
  const auto folder = shared_path("data/odd");
  if (!folder) return;
  const Table table(*folder + "/INDEX.tsv");
  int good = 0, bad = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string file = table.at(row, "file");
    CAPTURE(file);
    Image image;
    const auto bytes = read_file(*folder + "/" + file);
    const std::string message = test::message_of([&] { image = decode_file(bytes); });
    CAPTURE(message);
    const std::string size = table.at(row, "pillow_rgb_size_or_exception");
    const bool pillow_decodes = !size.empty() && size[0] >= '0' && size[0] <= '9';
    const std::string format = table.at(row, "pillow_format");
    if (!pillow_decodes || format == "GIF") {
      CHECK(!message.empty());
      ++bad;
      continue;
    }
    CHECK(message == "");
    CHECK(str(image.width, "x", image.height) == size);
    // One fuzzed file, of which most data is missing, is filled in differently by versions 2 and 3 of libjpeg-turbo.
    // djpeg's column is version 2.
    const std::string pixels = test::sha256_of(image.rgb);
    const bool versions_differ = table.at(row, "djpeg_same_as_pillow") == "no" && table.at(row, "djpeg_rc") == "2";
    CHECK((pixels == table.at(row, "pillow_rgb_sha256") ||
           (versions_differ && pixels == table.at(row, "djpeg_rgb_sha256"))));
    ++good;
  }
  CHECK(good > 0);
  CHECK(bad > 0);
}

TEST_CASE("all photos of Imagenette and Imagewoof decode, and again as from a shard", "[image][shared]") {
  for (const char* name : {"data/imagenette", "data/imagewoof"}) {
    const auto folder = shared_path(name);
    if (!folder) continue;
    int files = 0;
    Image stored;
    for (const auto& entry : fs::recursive_directory_iterator(*folder)) {
      if (!entry.is_regular_file() || entry.path().extension() != ".JPEG") continue;
      CAPTURE(entry.path().string());
      const auto bytes = read_file(entry.path().string());
      const Image image = decode_file(bytes);
      decode_stored({StoredKind::kJpegFile, image.width, image.height, bytes}, stored);
      if (stored.rgb != image.rgb) FAIL("not the same pixels");
      ++files;
    }
    CHECK(files > 1000);
  }
}

}  // namespace
}  // namespace mosaic
