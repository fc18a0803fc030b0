#include "remote/make_shard_cache.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "remote/http_server.h"
#include "remote/remote_set.h"
#include "shards/shard_set.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr HttpPatience kQuick{.give_up = 3, .first_wait = 0.01, .longest_wait = 0.1, .slow = 1};

std::string make(const test::HttpServer& server, const test::RemoteSet& set) {
  return make_shard_cache(parse_location(server.url()), "train", set.local.path(), kQuick);
}

TEST_CASE("a set is opened before its images are there, for one request a shard", "[remote]") {
  const test::RemoteSet set;
  const std::string log = set.local / "log";
  const test::HttpServer server(set.folder.path(), {"--log", log});
  const std::string folder = make(server, set);

  const ShardSet shards(folder, "train");
  CHECK(shards.size() == test::RemoteSet::kImages);
  CHECK(shards.fingerprint() == set.fingerprint);
  CHECK(shards.source_name(39) == "39");
  CHECK(test::lines_in(log) == 1 + test::RemoteSet::kShards);
  CHECK(test::bytes_on_disk(folder) < test::RemoteSet::kShards * ((1 << 20) + 20'000));
  for (int shard = 0; shard < shards.shard_count(); ++shard)
    CHECK(fs::file_size(shards.shard_path(shard)) ==
          fs::file_size(set.folder / fs::path(shards.shard_path(shard)).filename().string()));

  CHECK(make(server, set) == folder);
  CHECK(test::lines_in(log) == 2 + test::RemoteSet::kShards);  // it asked for shard 0 only
}

TEST_CASE("several processes may make a cache, and a fifth of the requests may fail", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path(), {"--share", "0.2"});
  std::vector<std::string> folders(4);
  std::vector<std::thread> threads;
  for (std::string& folder : folders) threads.emplace_back([&] { folder = make(server, set); });
  for (auto& thread : threads) thread.join();
  for (const std::string& folder : folders) CHECK(folder == folders[0]);
  CHECK(ShardSet(folders[0], "train").fingerprint() == set.fingerprint);
}

TEST_CASE("tables that are larger than the first request are fetched, too", "[remote]") {
  const test::RemoteSet set;
  const test::TemporaryFolder folder;
  std::vector<test::Sample> samples;
  for (int i = 0; i < 8000; ++i)  // names of 200 bytes: 1.6 MB
    samples.push_back({.bytes = "rgb", .label = i % 3, .name = std::string(190, 'x') + std::to_string(i)});
  const std::string fingerprint = test::write_shards(folder.path(), "train", samples, 8000);
  const test::HttpServer server(folder.path());
  const ShardSet shards(make(server, set), "train");
  CHECK(shards.fingerprint() == fingerprint);
  CHECK(shards.source_name(7999) == samples[7999].name);
}

TEST_CASE("another set at the same place gets another folder", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path());
  const std::string folder = make(server, set);
  fs::last_write_time(set.folder / "train-00000.h5", fs::file_time_type::clock::now() + std::chrono::hours(1));
  CHECK(make(server, set) != folder);
}

TEST_CASE("what is no set is refused with its URL", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path());
  const auto refused = [&] { return test::message_of([&] { make(server, set); }); };
  SECTION("no shard 0") {
    fs::remove(set.folder / "train-00000.h5");
    CHECK_THAT(refused(), Catch::Contains("/train-00000.h5: the server answers 404"));
  }
  SECTION("one is missing") {
    fs::remove(set.folder / "train-00003.h5");
    CHECK_THAT(refused(), Catch::Contains("/train-00003.h5: the server answers 404"));
  }
  SECTION("a page") {
    test::write_text(set.folder / "train-00001.h5", "<html>please log in</html>");
    CHECK_THAT(refused(), Catch::Contains("/train-00001.h5: not a shard"));
  }
  SECTION("a file that was cut off") {
    fs::resize_file(set.folder / "train-00002.h5", 1'200'000);
    CHECK_THAT(refused(), Catch::Contains("/train-00002.h5: ") && Catch::Contains("truncated"));
  }
  CHECK(!refused().empty());  // it is not taken for complete the next time
}

}  // namespace
}  // namespace mosaic
