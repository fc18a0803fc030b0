#include "shards/shard_writer.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/sha256.h"
#include "catch.h"
#include "shards/fingerprint.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "shards/small_disk.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("the same images give the same bytes, at any time", "[shards]") {
  const TemporaryFolder a, b;
  write_shards(a.path(), "train", some_samples(20), 8);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's time stamps count seconds
  write_shards(b.path(), "train", some_samples(20), 8);

  for (int shard = 0; shard < 3; ++shard) {
    const std::string name = shard_file_name("train", shard);
    CHECK(sha256_of_file(a / name) == sha256_of_file(b / name));
  }
}

TEST_CASE("the fingerprint is that of the classes, labels and images, not of shards and source names", "[shards]") {
  const auto fingerprint_of = [](std::vector<Sample> samples, std::size_t per_shard,
                                 std::vector<std::string> class_names = three_classes()) {
    const TemporaryFolder folder;
    return write_shards(folder.path(), "train", samples, per_shard, class_names);
  };
  const auto samples = some_samples(9);
  const std::string base = fingerprint_of(samples, 9);

  CHECK(base.size() == 64);
  CHECK(fingerprint_of(samples, 2) == base);
  auto changed = samples;
  changed[3].name = "elsewhere.png";
  CHECK(fingerprint_of(changed, 9) == base);

  changed = samples;
  changed[3].label = 2;
  CHECK(fingerprint_of(changed, 9) != base);
  changed = samples;
  changed[3].bytes[0] ^= 1;
  CHECK(fingerprint_of(changed, 9) != base);
  changed = samples;
  std::swap(changed[3], changed[4]);
  CHECK(fingerprint_of(changed, 9) != base);
  changed = samples;
  std::swap(changed[3].width, changed[3].height);  // the same bytes, another image
  CHECK(fingerprint_of(changed, 9) != base);
  CHECK(fingerprint_of(samples, 9, {"cat", "dog", "bird"}) != base);
}

TEST_CASE("the fingerprint is the SHA-256 of the documented text", "[shards]") {
  Fingerprint fingerprint({"n01440764", "b c"});
  fingerprint.add(1, StoredKind::kJpegFile, 500, 375, 109527, 0x7a01c1f2);
  fingerprint.add(0, StoredKind::kPixels, 2, 1, 6, 0x0000000b);

  Sha256 by_hand;
  by_hand.add(
      "mosaic_resnet data set 1\nclasses 2\n9 n01440764\n3 b c\n"
      "1 0 500 375 109527 7a01c1f2\n0 1 2 1 6 0000000b\n");
  CHECK(fingerprint.hex() == by_hand.hex());
}

TEST_CASE("that images were scaled down is part of what a data set is", "[shards]") {
  const auto fingerprint_of = [](std::uint32_t max_side) {
    Fingerprint fingerprint({"a"}, max_side);
    fingerprint.add(0, StoredKind::kPixels, 2, 1, 6, 11);
    return fingerprint.hex();
  };
  Sha256 by_hand;
  by_hand.add("mosaic_resnet data set 1\nclasses 1\n1 a\nmax_side 256\n0 1 2 1 6 0000000b\n");
  CHECK(fingerprint_of(256) == by_hand.hex());
  CHECK(fingerprint_of(0) != fingerprint_of(256));

  const TemporaryFolder folder;
  std::vector<std::string> parts;
  for (const std::uint32_t max_side : {256, 256, 0}) {
    ShardWriter writer("train", {"a"}, max_side);
    writer.add({StoredKind::kPixels, 1, 1, std::as_bytes(std::span("xyz", 3))}, 0, "a.png");
    parts.push_back(str(folder.path(), "/", parts.size(), ".part"));
    writer.write(parts.back());
  }
  CHECK(message_of([&] { finish_shards(parts, folder.path(), "train"); }) ==
        parts[2] + ": max_side: got 0, expected 256 as in the first part");
  finish_shards({parts[0], parts[1]}, folder.path(), "train");
  const ShardSet shards(folder.path(), "train");
  CHECK(shards.max_side() == 256);
}

TEST_CASE("finishing can be repeated after a crash between any two renames", "[shards]") {
  const TemporaryFolder undisturbed, crashed;
  write_shards(undisturbed.path(), "train", some_samples(10), 3);
  const auto parts = write_parts(crashed.path(), "train", some_samples(10), 3);
  fs::copy_file(parts[3], crashed / "as written");
  finish_shards(parts, crashed.path(), "train");
  // As if the process had ended before it renamed these two, and before it wrote the ending of the last.
  fs::rename(crashed / "train-00002.h5", parts[2]);
  fs::remove(crashed / "train-00003.h5");
  fs::rename(crashed / "as written", parts[3]);

  finish_shards(parts, crashed.path(), "train");

  for (int shard = 0; shard < 4; ++shard) {
    const std::string name = shard_file_name("train", shard);
    CHECK(sha256_of_file(crashed / name) == sha256_of_file(undisturbed / name));
  }
  CHECK_FALSE(fs::exists(parts[2]));
}

TEST_CASE("parts of different data sets are not finished as one", "[shards]") {
  const TemporaryFolder folder, other_classes;
  const auto train = write_parts(folder.path(), "train", some_samples(4), 2);
  const auto val = write_parts(folder.path(), "val", some_samples(4), 2);
  const auto other = write_parts(other_classes.path(), "train", some_samples(4), 2, {"a", "b", "c"});
  const auto finish = [&](const std::vector<std::string>& parts) {
    return message_of([&] { finish_shards(parts, folder.path(), "train"); });
  };

  CHECK(finish({train[0], val[1]}) == val[1] + ": got a shard of split 'val', expected one of 'train'");
  CHECK(finish({train[0], other[1]}) == other[1] + ": class_names: not those of the first part");
  CHECK(finish({}) == folder.path() + ": train: nothing to finish");
  CHECK(shard_numbers(folder.path(), "train").empty());
}

TEST_CASE("a full disk is named, and leaves no partial file", "[shards]") {
  const SmallDisk disk(64 << 10);
  if (!disk.mounted()) return;
  ShardWriter writer("train", {"only"});
  const std::string pixels(300 * 100 * 3, 'x');
  writer.add({StoredKind::kPixels, 300, 100, std::as_bytes(std::span(pixels))}, 0, "a.png");

  const std::string path = disk.path() + "/train-00000.h5.part";
  CHECK(message_of([&] { writer.write(path); }) == path + ".partial: cannot write: No space left on device");
  CHECK(fs::is_empty(disk.path()));
}

TEST_CASE("a folder that is not there, or a file in its place, is named", "[shards]") {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  ShardWriter writer("train", {"only"});
  writer.add({StoredKind::kPixels, 1, 1, std::as_bytes(std::span("xyz", 3))}, 0, "a.png");

  CHECK(message_of([&] { writer.write(folder / "no/a.h5"); }) ==
        folder / "no/a.h5.partial: cannot create: No such file or directory");
  CHECK(message_of([&] { writer.write(folder / "file/a.h5"); }) ==
        folder / "file/a.h5.partial: cannot create: Not a directory");
}

}  // namespace
}  // namespace mosaic::test
