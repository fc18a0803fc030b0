#include "preprocess/devkit.h"

#include <zlib.h>

#include <random>

#include "base/error.h"
#include "catch.h"
#include "preprocess/image_labels.h"
#include "preprocess/source_files.h"
#include "support.h"

// ImageNet's development kit: a MAT-file written here as MATLAB and SciPy write it.

namespace mosaic::test {
namespace {

using Catch::Matchers::Contains;

std::string u32(std::size_t value) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string element(std::size_t type, std::string data) {
  if (data.size() <= 4) {
    const std::string head = u32(data.size() << 16 | type);
    data.resize(4, '\0');
    return head + data;
  }
  const std::string head = u32(type) + u32(data.size());
  data.resize((data.size() + 7) / 8 * 8, '\0');
  return head + data;
}

std::string matrix(std::size_t array_class, std::size_t rows, std::size_t columns, const std::string& contents,
                   const std::string& name = "") {
  return element(
      14, element(6, u32(array_class) + u32(0)) + element(5, u32(rows) + u32(columns)) + element(1, name) + contents);
}

/// A number as MATLAB stores it, in one byte or two; a text in two bytes a character.
std::string number(unsigned value) {
  return value < 256 ? matrix(6, 1, 1, element(2, std::string(1, static_cast<char>(value))))
                     : matrix(6, 1, 1, element(4, u32(value).substr(0, 2)));
}
std::string text(const std::string& characters) {
  std::string wide;
  for (const char c : characters) wide += {c, '\0'};
  return matrix(4, 1, characters.size(), element(4, wide));
}

std::string meta_mat(const std::vector<std::pair<unsigned, std::string>>& classes, bool compressed) {
  std::string fields = element(5, u32(16));
  std::string names;
  for (const char* name : {"words", "ILSVRC2012_ID", "WNID", "children"})
    names += std::string(name) + std::string(16 - std::string(name).size(), '\0');
  fields += element(1, names);
  for (const auto& [id, wnid] : classes)
    fields += text("words of " + wnid) + number(id) + text(wnid) + matrix(6, 0, 0, element(9, ""));
  const std::string other = matrix(6, 1, 1, element(9, std::string(8, '\0')), "other"),
                    array = matrix(2, classes.size(), 1, fields, "synsets");
  std::string file = std::string(124, ' ') + std::string("\0\1IM", 4) + other;
  if (!compressed) return file + array;
  uLongf size = compressBound(static_cast<uLong>(array.size()));
  std::string zipped(size, '\0');
  REQUIRE(compress(reinterpret_cast<Bytef*>(zipped.data()), &size, reinterpret_cast<const Bytef*>(array.data()),
                   static_cast<uLong>(array.size())) == Z_OK);
  return file + u32(15) + u32(size) + zipped.substr(0, size);
}

std::vector<std::string> wnids_of(const std::string& file) { return wnids_of_meta_mat(std::as_bytes(std::span(file))); }

const std::vector<std::pair<unsigned, std::string>> kClasses = {{2, "n02110063"}, {1, "n02119789"}, {3, "n02100735"}};

std::string gzip_of(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_CASE("the devkit's classes are read by their numbers", "[preprocess]") {
  for (const bool compressed : {false, true})
    CHECK(wnids_of(meta_mat(kClasses, compressed)) == std::vector<std::string>{"n02119789", "n02110063", "n02100735"});
  std::vector<std::pair<unsigned, std::string>> many;
  for (unsigned id = 1; id <= 1860; ++id) many.emplace_back(id, "n" + std::to_string(10'000'000 + id));
  CHECK(wnids_of(meta_mat(many, true)).at(999) == "n10001000");

  CHECK(message_of([] { wnids_of("MATLAB"); }) == "not the devkit's meta.mat: no little-endian MAT-file of MATLAB 5.0");
  CHECK(message_of([] {
          wnids_of(meta_mat({{1, "n02110063"}, {3, "n02119789"}}, false));
        }) == "not the devkit's meta.mat: its ILSVRC2012_IDs have a gap");
  CHECK_THAT(message_of([] { wnids_of(meta_mat({}, false).substr(0, 200)); }),
             Contains("no array with the fields ILSVRC2012_ID and WNID"));
}

TEST_CASE("validation images get their classes from the devkit", "[preprocess]") {
  const TemporaryFolder root;
  const std::string path = root / "ILSVRC2012_devkit_t12.tar.gz", kit = "ILSVRC2012_devkit_t12/";
  const auto write = [&](const Files& files) { write_text(path, gzip_of(tar_of(files))); };
  const std::string truth = kit + "data/ILSVRC2012_validation_ground_truth.txt", meta = kit + "data/meta.mat";
  const auto classes = [&] { return classes_of_images({"1.JPEG", "2.JPEG", "3.JPEG"}, {.labels = path}); };
  write({{kit + "readme.txt", "x"}, {meta, meta_mat(kClasses, true)}, {truth, "3\n1\n3\n"}});
  CHECK(classes() == std::vector<std::string>{"n02100735", "n02119789", "n02100735"});
  write({{meta, meta_mat(kClasses, true)}, {truth, "3\n4\n3\n"}});
  CHECK(message_of(classes) == path + ":2: got the number 4, expected 1 to 3, the classes in " + path);
  write({{truth, "3\n"}});
  CHECK(message_of(classes) == path + ": no data/meta.mat in it: expected ILSVRC2012_devkit_t12.tar.gz");
  write({{truth, "3\n"}, {meta, "x"}});
  CHECK_THAT(message_of(classes), Contains(": data/meta.mat: not the devkit's meta.mat: "));
  write_text(path, "no archive");
  CHECK_THAT(message_of(classes), Contains(path + ": cannot be read: "));
}

TEST_CASE("no truncation and no change of bytes of meta.mat does more than an error", "[preprocess]") {
  const auto read = [](const std::string& bytes) {
    try {
      wnids_of(bytes);
    } catch (const Error&) {
    }
  };
  std::mt19937 random(1);
  for (const bool compressed : {false, true}) {
    const std::string good = meta_mat(kClasses, compressed);
    for (std::size_t length = 0; length < good.size(); ++length) read(good.substr(0, length));
    for (int change = 0; change < 5000; ++change) {
      std::string bytes = good;
      for (unsigned k = 0; k <= random() % 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
      read(bytes);
    }
  }
}

}  // namespace
}  // namespace mosaic::test
