#include "batch/sample_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/file.h"
#include "base/random.h"
#include "catch.h"
#include "image/decode.h"
#include "packed/coefficient_images.h"
#include "packed/encode_record.h"
#include "packed/mutate.h"
#include "shards/shard_writer.h"
#include "support.h"

namespace mosaic {
namespace {

/// Eight packed images of 300 x 400 pixels, and one that is stored as pixels.
class PackedSet {
 public:
  PackedSet() {
    ShardWriter writer("train", {"a"});
    for (int i = 0; i < 8; ++i) {
      std::vector<std::byte> record;
      REQUIRE(encode_record(test::coefficient_image(300, 400, test::samplings()[i], i), record) == "");
      writer.add({StoredKind::kPackedJpeg, 300, 400, record}, 0, "x");
    }
    KeyedRandom random{5};
    std::vector<std::byte> pixels(300 * 400 * 3);
    for (std::byte& b : pixels) b = static_cast<std::byte>(random());
    writer.add({StoredKind::kPixels, 300, 400, pixels}, 0, "y");
    writer.write(folder_ / "part");
    finish_shards({folder_ / "part"}, folder_.path(), "train");
    shards = std::make_shared<const ShardSet>(folder_.path(), "train");
  }
  std::string path() const { return shards->shard_path(0); }
  std::shared_ptr<const ShardSet> shards;

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("a sample that was read before is read in part, and looks the same", "[batch]") {
  const PackedSet set;
  TrainDatasetConfig config;
  const View view(config, std::nullopt, 3);
  SampleReader reader(set.shards, view);
  const auto scratch = View::make_scratch();
  std::vector<std::byte> buffer, whole;
  std::uint64_t first_epoch = 0;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    for (std::int64_t sample = 0; sample < set.shards->size(); ++sample) {
      CAPTURE(epoch, sample);
      std::fill(buffer.begin(), buffer.end(), std::byte{0xff});  // what is not read is of no help
      std::vector<std::uint8_t> got(32 * 32 * 3), expected(got);
      view.render(reader.read(sample, epoch, buffer), epoch, sample, 32, *scratch, got.data());
      view.render(set.shards->read(sample, whole), epoch, sample, 32, *scratch, expected.data());
      CHECK(got == expected);
    }
    if (epoch == 0) first_epoch = reader.bytes_read();
  }
  CHECK(reader.bytes_read() < 20 * first_epoch * 9 / 10);
}

TEST_CASE("of an image that is stored as pixels the rows of the crop are read", "[batch]") {
  const PackedSet set;
  const View view(TrainDatasetConfig{}, std::nullopt, 3);
  SampleReader reader(set.shards, view);
  std::vector<std::byte> buffer;
  reader.read(8, 0, buffer);
  std::uint64_t expected = reader.bytes_read();
  REQUIRE(expected == 300 * 400 * 3);
  for (std::int64_t epoch = 1; epoch < 20; ++epoch) {
    reader.read(8, epoch, buffer);
    expected += 300u * 3 * view.part_looked_at(300, 400, epoch, 8).height;
    CHECK(reader.bytes_read() == expected);
  }
}

TEST_CASE("evaluation and crops from a resized image read all of it", "[batch]") {
  const PackedSet set;
  TrainDatasetConfig resized;
  resized.resize_size = 64;
  for (const View& view : {View(DatasetConfig{.resize_size = 64, .crop_size = 56}), View(resized, std::nullopt, 3)}) {
    SampleReader reader(set.shards, view);
    const auto scratch = View::make_scratch();
    std::vector<std::byte> buffer, whole;
    for (int round = 0; round < 2; ++round)
      for (std::int64_t sample = 0; sample < set.shards->size(); ++sample) {
        std::fill(buffer.begin(), buffer.end(), std::byte{0xff});
        std::vector<std::uint8_t> got(56 * 56 * 3), expected(got);
        view.render(reader.read(sample, 1, buffer), 1, sample, 56, *scratch, got.data());
        view.render(set.shards->read(sample, whole), 1, sample, 56, *scratch, expected.data());
        CHECK(got == expected);
      }
  }
}

TEST_CASE("damage is found when a sample is read for the first time", "[batch]") {
  const PackedSet set;
  std::vector<std::byte> buffer;
  const StoredImage third = set.shards->read(2, buffer);
  const std::string needle(reinterpret_cast<const char*>(third.bytes.data()) + 5000, 64);
  std::string file = test::read_text(set.path());
  file[file.find(needle) + 9] ^= 1;
  {
    std::ofstream out(set.path(), std::ios::binary);
    out << file;
  }
  SampleReader reader(set.shards, View(TrainDatasetConfig{}, std::nullopt, 3));
  CHECK_NOTHROW(reader.read(1, 0, buffer));
  CHECK_THAT(test::message_of([&] { reader.read(2, 0, buffer); }), Catch::Matchers::Contains("CRC-32C: got "));
  CHECK_THAT(test::message_of([&] { reader.read(2, 1, buffer); }), Catch::Matchers::Contains("CRC-32C: got "));
}

TEST_CASE("whatever was changed in a packed image, its checksum is wrong, and shard and sample are named", "[batch]") {
  const PackedSet set;
  const std::string file = test::read_text(set.path());
  const int fd = ::open(set.path().c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  const auto [records, seed] = test::mutations_wanted();
  CAPTURE(seed);
  KeyedRandom random{seed};
  std::vector<std::byte> buffer;
  std::vector<std::vector<std::byte>> images;
  std::vector<off_t> offsets;
  for (int sample = 0; sample < 8; ++sample) {
    const StoredImage stored = set.shards->read(sample, buffer);
    images.emplace_back(stored.bytes.begin(), stored.bytes.end());
    const std::string_view bytes(reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size());
    offsets.push_back(static_cast<off_t>(file.find(bytes)));
  }
  int changed = 0;
  for (int i = 0; i < records; ++i) {
    CAPTURE(i);
    const int sample = i % 8;
    const std::vector<std::byte>& whole = images[sample];
    const off_t offset = offsets[sample];
    std::vector<std::byte> damaged = whole;
    test::mutate(damaged, random);
    if (i % 10 == 9) {  // cut off: what lies behind is zero
      const auto end = static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(damaged.size())));
      std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(end), damaged.end(), std::byte{0});
    }
    if (damaged == whole) continue;
    ++changed;
    REQUIRE(::pwrite(fd, damaged.data(), damaged.size(), offset) == static_cast<ssize_t>(damaged.size()));
    SampleReader reader(set.shards, View(TrainDatasetConfig{}, std::nullopt, 3));  // has checked nothing yet
    const std::string message = test::message_of([&] { reader.read(sample, 0, buffer); });
    REQUIRE_THAT(message, Catch::Matchers::StartsWith(str("sample ", sample, " (train-00000.h5, image ", sample)) &&
                              Catch::Matchers::Contains("CRC-32C: got "));
    REQUIRE(::pwrite(fd, whole.data(), whole.size(), offset) == static_cast<ssize_t>(whole.size()));
  }
  ::close(fd);
  CHECK(changed > records * 9 / 10);
}

}  // namespace
}  // namespace mosaic
