#include "preprocess/source_groups.h"

#include <filesystem>

#include "base/error.h"
#include "catch.h"
#include "preprocess/image_files.h"
#include "preprocess/run_preprocess.h"
#include "shards/format.h"
#include "shards/shard_set.h"
#include "support.h"

namespace mosaic::test {
namespace {

SourceList folder_of(const std::vector<std::pair<std::string, std::int64_t>>& files) {
  SourceList folder{"in", {"c"}, {}};
  for (const auto& [name, bytes] : files) folder.files.push_back({name, 0, bytes, 0});
  return folder;
}

std::vector<std::int64_t> sizes(const std::vector<SourceGroup>& groups) {
  std::vector<std::int64_t> all;
  std::int64_t next = 0;
  for (const auto& group : groups) {
    CHECK(group.begin == next);
    next = group.end;
    all.push_back(group.end - group.begin);
  }
  return all;
}

TEST_CASE("groups hold the files that are expected to fill a shard, and at least one", "[preprocess]") {
  const auto files = folder_of({{"1.jpg", 1000}, {"2.JPEG", 1000}, {"3.png", 1000}, {"4.png", 5000}, {"5.png", -1}});
  CHECK(sizes(cut_into_groups(files, 4000, {})) == std::vector<std::int64_t>{3, 1, 1});  // 1344 + 1344 + 1000
  CHECK(sizes(cut_into_groups(files, 3687, {})) == std::vector<std::int64_t>{2, 1, 1, 1});
  CHECK(sizes(cut_into_groups(files, 3048, {.jpeg = Storage::Jpeg::kFile})) ==
        std::vector<std::int64_t>{3, 1, 1});  // 1024 + 1024 + 1000
  CHECK(sizes(cut_into_groups(files, 1, {})) == std::vector<std::int64_t>{1, 1, 1, 1, 1});
  CHECK(sizes(cut_into_groups(files, 13'032, {.jpeg = Storage::Jpeg::kPixels})) == std::vector<std::int64_t>{3, 2});
  // At most 1.42 * 3 * 10 * 10 bytes: 448 in the pool.
  CHECK(sizes(cut_into_groups(files, 1'322, {.max_side = 10})) == std::vector<std::int64_t>{3, 2});
  CHECK(cut_into_groups(folder_of({}), 4000, {}).empty());
}

TEST_CASE("a listing goes to other processes and back, whatever its names are", "[preprocess]") {
  SourceList folder{"/data/with space", {"7", "two\nlines", ""}, {}, {{"a.tar", "in\nside"}, {"b", "", 77}}};
  folder.files = {{"7/ 1.png", 0, 17, 1'700'000'000'123'456'789},
                  {"two\nlines/\n.jpg", 1, -1, 0},
                  {"Vögel.bmp", 2, 0, -1, 1, 1 << 20, " member"}};

  const SourceList back = source_list_of(to_text(folder));

  CHECK(back.path == folder.path);
  CHECK(back.class_names == folder.class_names);
  REQUIRE(back.files.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(back.files[i].name == folder.files[i].name);
    CHECK(back.files[i].label == folder.files[i].label);
    CHECK(back.files[i].bytes == folder.files[i].bytes);
    CHECK(back.files[i].modified == folder.files[i].modified);
    CHECK(back.files[i].container == folder.files[i].container);
    CHECK(back.files[i].offset == folder.files[i].offset);
    CHECK(back.files[i].member == folder.files[i].member);
  }
  REQUIRE(back.containers.size() == 2);
  CHECK(back.containers[0].inside == folder.containers[0].inside);
  CHECK(back.containers[1].path == "b");
  CHECK(back.containers[1].unpacked_bytes == 77);
}

TEST_CASE("a group whose images are larger than their files takes several shards, each within its size",
          "[preprocess]") {
  const TemporaryFolder root;
  for (int i = 0; i < 3; ++i) copy_corpus_image("grey1.png", str(root / "in/x/c/", i, ".png"));
  const auto file = std::filesystem::file_size(root / "in/x/c/0.png");
  const std::uint64_t shard_size = 3 * in_pool(file);  // one group

  REQUIRE(
      run_preprocess({"pack", root / "in", root / "out", "--split", "x", "--shard-size", str(shard_size)}).exit_code ==
      0);

  const ShardSet shards(root / "out", "x");
  REQUIRE(shards.stored_bytes(0) > file);
  CHECK(shards.size() == 3);
  CHECK(shards.shard_count() > 1);
  for (int shard = 0; shard < shards.shard_count(); ++shard)
    CHECK((shards.shard_size(shard) == 1 || shards.shard_size(shard) * in_pool(shards.stored_bytes(0)) <= shard_size));
}

}  // namespace
}  // namespace mosaic::test
