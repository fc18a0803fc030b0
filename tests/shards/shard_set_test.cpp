#include "shards/shard_set.h"

#include <thread>

#include "catch.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "support.h"

namespace mosaic::test {
namespace {

TEST_CASE("a shard set reads what the writer was given, through all shards in order", "[shards]") {
  const TemporaryFolder folder;
  std::vector<Sample> samples = some_samples(8);
  samples[4].kind = StoredKind::kJpegFile;  // opaque bytes: any length
  samples[4].bytes = "not decoded here";
  samples[7].name = std::string(200, 'x') + ".png";  // longer than all others
  write_shards(folder.path(), "train", samples, 3);

  const ShardSet shards(folder.path(), "train");

  CHECK(shards.size() == 8);
  CHECK(shards.split() == "train");
  CHECK(shards.class_names() == three_classes());
  REQUIRE(shards.shard_count() == 3);
  CHECK(shards.shard_path(2) == folder / "train-00002.h5");
  CHECK(shards.shard_size(0) == 3);
  CHECK(shards.shard_size(2) == 2);
  std::vector<std::byte> buffer;
  for (std::int64_t i = 0; i < 8; ++i) {
    const Sample& expected = samples[static_cast<std::size_t>(i)];
    CHECK(read_bytes(shards, i) == expected.bytes);
    CHECK(shards.label(i) == expected.label);
    CHECK(shards.source_name(i) == expected.name);
    CHECK(shards.kind(i) == expected.kind);
    CHECK(shards.width(i) == expected.width);
    CHECK(shards.height(i) == expected.height);
    CHECK(shards.stored_bytes(i) == expected.bytes.size());
    const StoredImage image = shards.read(i, buffer);
    CHECK((image.kind == expected.kind && image.width == expected.width && image.height == expected.height));
  }
  CHECK(shards.describe(4) == "sample 4 (train-00001.h5, image 1, dog/4.png)");
}

TEST_CASE("a buffer grows to the largest image and never shrinks", "[shards]") {
  const TemporaryFolder folder;
  write_shards(folder.path(), "train", some_samples(5), 5);
  const ShardSet shards(folder.path(), "train");
  std::vector<std::byte> buffer;

  shards.read(4, buffer);
  const std::size_t largest = buffer.size();
  const StoredImage small = shards.read(0, buffer);

  CHECK(buffer.size() == largest);
  CHECK(small.bytes.size() == 3 * 2 * 3);
  CHECK(small.bytes.data() == buffer.data());
}

TEST_CASE("threads that read one shard set at the same time all get the right bytes", "[shards]") {
  const TemporaryFolder folder;
  const auto samples = some_samples(40);
  write_shards(folder.path(), "train", samples, 7);
  const ShardSet shards(folder.path(), "train");

  std::vector<int> wrong(4, 0);
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 50; ++round)
        for (std::int64_t i = 0; i < 40; ++i)
          wrong[t] += read_bytes(shards, i) != samples[static_cast<std::size_t>(i)].bytes;
    });
  threads.clear();

  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("splits lie side by side in one folder, and other files do not matter", "[shards]") {
  const TemporaryFolder folder;
  write_shards(folder.path(), "train", some_samples(5), 2);
  write_shards(folder.path(), "train-00001", some_samples(4), 3);  // a name made to confuse
  for (const char* name : {"train-1.h5", "train-00009.h5.part", "train-0000x.h5", "-00000.h5", "notes.txt"})
    write_text(folder / name, "no shard");

  CHECK(splits_in(folder.path()) == std::vector<std::string>{"train", "train-00001"});
  CHECK(shard_numbers(folder.path(), "train") == std::vector<int>{0, 1, 2});
  CHECK(ShardSet(folder.path(), "train").size() == 5);
  CHECK(ShardSet(folder.path(), "train-00001").size() == 4);
}

TEST_CASE("shard names have five digits, or more where five are too few", "[shards]") {
  CHECK(shard_file_name("train", 17) == "train-00017.h5");
  CHECK(shard_file_name("val", 123456) == "val-123456.h5");
}

}  // namespace
}  // namespace mosaic::test
