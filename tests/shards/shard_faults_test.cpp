#include <filesystem>

#include "base/error.h"
#include "catch.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

// Each way in which shards can be wrong, and the sentence that says so.

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// Ten images in three finished shards: train-00000.h5 with images 0 to 3, -00001 with 4 to 7, -00002 with 8 and 9.
struct Shards {
  TemporaryFolder folder;
  std::vector<Sample> samples = some_samples(10);
  std::string first = folder / "train-00000.h5", second = folder / "train-00001.h5", last = folder / "train-00002.h5";
  Shards() { write_shards(folder.path(), "train", samples, 4); }

  std::string message(const std::string& split = "train") const {
    return message_of([&] { ShardSet(folder.path(), split); });
  }
};

/// A number attribute as it lies in the file: its name and types, then the value.
std::string attribute(const std::string& name, std::uint32_t value) {
  std::string text = name;
  text.resize((name.size() + 1 + 7) / 8 * 8, '\0');
  const unsigned char type[] = {0x10, 0, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0};  // 32 bits, little-endian
  const unsigned char scalar[] = {1, 0, 0, 0, 0, 0, 0, 0};
  text.append(reinterpret_cast<const char*>(type), sizeof(type));
  text.append(reinterpret_cast<const char*>(scalar), sizeof(scalar));
  return text + raw<std::uint32_t>({value});
}

TEST_CASE("a flipped byte in an image is found when it is read, and shard and sample are named", "[shards]") {
  Shards s;
  std::string changed = s.samples[5].bytes;
  changed[10] ^= 1;
  patch(s.second, s.samples[5].bytes, changed);

  const ShardSet shards(s.folder.path(), "train");  // opening reads no image
  CHECK(read_bytes(shards, 4) == s.samples[4].bytes);
  CHECK_THAT(message_of([&] { read_bytes(shards, 5); }),
             StartsWith("sample 5 (train-00001.h5, image 1, ein Vögelchen/5.png): CRC-32C: got ") &&
                 Contains(": the bytes in the shard have changed: copy " + s.second + " again, or pack again"));
}

TEST_CASE("a truncated shard is found when it is opened", "[shards]") {
  Shards s;
  const auto size = fs::file_size(s.second);
  fs::resize_file(s.second, size - 1);
  CHECK_THAT(s.message(), StartsWith(str(s.second, ": truncated: got ", size - 1, " bytes, expected ", size,
                                         ": copy it again, or pack again")));
  fs::resize_file(s.second, 100);
  CHECK_THAT(s.message(), StartsWith(s.second + ": "));
  fs::resize_file(s.second, 0);
  CHECK_THAT(s.message(), StartsWith(s.second + ": cannot open it as HDF5: "));
}

TEST_CASE("a shard that is cut off while it is open gives an error, not wrong bytes", "[shards]") {
  Shards s;
  const ShardSet shards(s.folder.path(), "train");
  fs::resize_file(s.last, 0);

  CHECK(message_of([&] { read_bytes(shards, 9); }) == str(s.last, ": image 1 (sample 9): got 0 bytes, expected ",
                                                          s.samples[9].bytes.size(),
                                                          ": truncated since it was opened"));
  CHECK(message_of([&] { shards.source_name(9); }) ==
        s.last + ": truncated since it was opened: the name of image 1 is not there any more");
}

TEST_CASE("a shard of another format version is refused", "[shards]") {
  Shards s;
  patch(s.first, attribute("format_version", 1), attribute("format_version", 2));
  CHECK(s.message() ==
        s.first +
            ": format_version: got 2, expected 1: packed by a newer version of this program: update this "
            "one, or pack again");
  patch(s.first, attribute("format_version", 2), attribute("format_version", 0));
  CHECK(s.message() ==
        s.first + ": format_version: got 0, expected 1: packed by an older version of this program: pack again");
}

TEST_CASE("a file that is no shard is refused", "[shards]") {
  Shards s;
  patch(s.first, "mosaic_resnet shard", "mosaic_resnet sherd");
  CHECK(s.message() == s.first + ": format: got 'mosaic_resnet sherd', expected 'mosaic_resnet shard'");
  patch(s.first, std::string("format\0\0", 8), std::string("farmat\0\0", 8));
  CHECK(s.message() == s.first + ": no attribute 'format': an HDF5 file, but not a shard of this program");
  write_text(s.first, std::string(5000, 'x'));
  CHECK_THAT(s.message(), StartsWith(s.first + ": cannot open it as HDF5: "));
}

TEST_CASE("a label that is no class is found when its shard is opened", "[shards]") {
  Shards s;
  const std::string labels = raw<std::int32_t>({1, 2, 0, 1});  // of images 4 to 7
  patch(s.second, labels, raw<std::int32_t>({1, 2, 3, 1}));
  CHECK(s.message() ==
        s.second +
            ": image 2: label: got 3, expected 0 to 2 (there are 3 classes): the file is damaged: copy it "
            "again, or pack again");
  patch(s.second, raw<std::int32_t>({1, 2, 3, 1}), raw<std::int32_t>({1, -1, 0, 1}));
  CHECK_THAT(s.message(), StartsWith(s.second + ": image 1: label: got -1, expected 0 to 2"));
}

TEST_CASE("entries of the tables that lead out of the pool, or make no image, are found", "[shards]") {
  const auto numbers = [](std::vector<std::uint64_t> values) { return raw(values); };
  Shards s;
  SECTION("size") {
    patch(s.last, numbers({66, 72}), numbers({66, 10000}));  // 11 x 2 and 12 x 2 pixels of 3 bytes
    CHECK_THAT(s.message(),
               StartsWith(s.last + ": image 1: got 10000 bytes at 128, expected at least one, inside the pool"));
  }
  SECTION("offset") {
    patch(s.last, numbers({0, 128}), numbers({0, 129}));
    CHECK_THAT(s.message(), StartsWith(s.last + ": image 1: offset: got 129, expected a multiple of 64"));
  }
  SECTION("an offset so large that adding the size would overflow") {
    patch(s.last, numbers({0, 128}), numbers({0, ~std::uint64_t{63}}));
    CHECK_THAT(s.message(), StartsWith(s.last + ": image 1: got 72 bytes at 18446744073709551552, expected"));
  }
  SECTION("width") {
    patch(s.last, raw<std::uint32_t>({11, 12}), raw<std::uint32_t>({11, 0}));
    CHECK_THAT(s.message(), StartsWith(s.last + ": image 1: size: got 0 x 2 pixels, expected 1 to 2147483647 each"));
  }
  SECTION("pixels that the size does not fit") {
    patch(s.last, raw<std::uint32_t>({11, 12}), raw<std::uint32_t>({11, 13}));
    CHECK_THAT(s.message(), StartsWith(s.last + ": image 1: got 72 bytes, expected three for each of 13 x 2 pixels"));
  }
}

TEST_CASE("tables that were changed without leaving their ranges do not fit the fingerprint", "[shards]") {
  Shards s;
  patch(s.second, raw<std::int32_t>({1, 2, 0, 1}), raw<std::int32_t>({1, 2, 0, 2}));
  CHECK_THAT(s.message(), StartsWith(s.folder.path() + ": train: fingerprint: the tables give ") &&
                              Contains(": a shard is damaged or of another data set: copy them again, or pack again"));
}

TEST_CASE("a missing shard is named", "[shards]") {
  Shards s;
  fs::remove(s.second);
  CHECK(s.message() ==
        s.folder.path() + ": train: expected shards 0 to 2, got all but 00001: copy the missing files, or pack again");
  fs::remove(s.first);
  CHECK_THAT(s.message(), Contains("expected shards 0 to 2, got all but 00000, 00001:"));
}

TEST_CASE("shards of different data sets in one folder are refused", "[shards]") {
  Shards s;
  const TemporaryFolder other;
  SECTION("one shard too many") {
    fs::copy_file(s.last, s.folder / "train-00003.h5");
    CHECK(s.message() ==
          s.folder / "train-00003.h5" +
              ": expected shards 0 to 2 only: this file belongs to another data set: remove it, or pack into "
              "an empty folder");
  }
  SECTION("a file under another's name") {
    fs::copy_file(s.first, s.second, fs::copy_options::overwrite_existing);
    CHECK(s.message() ==
          s.second + ": this is shard 0 of split 'train': expected shard 1 of 'train', as the file's name says");
  }
  SECTION("other images") {
    auto samples = s.samples;
    samples[6].bytes[0] ^= 1;
    write_shards(other.path(), "train", samples, 4);
    fs::copy_file(other / "train-00001.h5", s.second, fs::copy_options::overwrite_existing);
    CHECK_THAT(s.message(),
               StartsWith(s.second + ": fingerprint: got ") && Contains(" as in train-00000.h5: these files "));
  }
  SECTION("other classes") {
    write_shards(other.path(), "train", s.samples, 4, {"cat", "dog", "bird"});
    fs::copy_file(other / "train-00001.h5", s.second, fs::copy_options::overwrite_existing);
    CHECK(s.message() == s.second + ": class_names: not those of train-00000.h5: these files are not of one data set");
  }
  SECTION("another number of shards") {
    write_shards(other.path(), "train", s.samples, 2);
    fs::copy_file(other / "train-00001.h5", s.second, fs::copy_options::overwrite_existing);
    CHECK(s.message() ==
          s.second +
              ": got a part of 5 shards with 10 samples, expected 3 with 10 as in train-00000.h5: these files "
              "are not of one data set");
  }
}

TEST_CASE("what is not there is named, with what is", "[shards]") {
  const Shards s;
  CHECK(s.message("validation") ==
        s.folder.path() + ": no shards of split 'validation' (validation-00000.h5 and on): the splits there are train");
  const TemporaryFolder empty;
  CHECK(message_of([&] { ShardSet(empty.path(), "train"); }) ==
        empty.path() +
            ": no shards of split 'train' (train-00000.h5 and on): there are no shards of any split: expected the "
            "folder that "
            "`preprocess pack` has written");
  CHECK(message_of([&] { ShardSet(empty / "no", "train"); }) ==
        empty / "no: no such folder: expected the folder that `preprocess pack` has written");
  CHECK_THAT(message_of([&] { ShardSet(s.first, "train"); }), StartsWith(s.first + ": no such folder"));
}

TEST_CASE("shards whose packing was not finished are refused", "[shards]") {
  const TemporaryFolder folder;
  const auto parts = write_parts(folder.path(), "train", some_samples(2), 2);
  fs::rename(parts[0], folder / "train-00000.h5");
  CHECK(message_of([&] { ShardSet(folder.path(), "train"); }) ==
        folder / "train-00000.h5: packing was not finished: run the same `preprocess pack` again");
}

}  // namespace
}  // namespace mosaic::test
