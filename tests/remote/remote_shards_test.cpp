#include "remote/remote_shards.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "remote/http_server.h"
#include "remote/make_shard_cache.h"
#include "remote/remote_set.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr HttpPatience kQuick{.give_up = 3, .first_wait = 0.01, .longest_wait = 0.1, .slow = 1};

/// A process's view of the set.
struct Opened {
  Opened(const test::HttpServer& server, const test::RemoteSet& set, std::optional<std::uint64_t> limit = {},
         HttpPatience patience = kQuick)
      : folder(make_shard_cache(parse_location(server.url()), "train", set.local.path(), patience)),
        shards(std::make_shared<const ShardSet>(folder, "train")),
        remote(shards, {.location = parse_location(server.url()),
                        .folder = folder,
                        .limit = limit,
                        .order = [order = test::in_order(set)](std::int64_t) { return order; },
                        .reach = 1,
                        .patience = patience}) {}

  std::string folder;
  std::shared_ptr<const ShardSet> shards;
  RemoteShards remote;
};

void wait_until_all_are_here(const RemoteShards& remote) {
  for (int i = 0; i < 6000 && remote.here() < test::RemoteSet::kShards; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_CASE("images are waited for, and are those of the server though a fifth of the requests fail", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path(), {"--share", "0.2"});
  Opened opened(server, set);
  CHECK(opened.remote.here() == 0);
  CHECK(test::wrong_samples(*opened.shards, set, {39, 0, 17, 38, 8}).empty());  // before there is a plan
  opened.remote.at(0, 0);
  CHECK(test::wrong_samples(*opened.shards, set, test::in_order(set)).empty());
  wait_until_all_are_here(opened.remote);
  CHECK(opened.remote.here() == test::RemoteSet::kShards);
}

TEST_CASE("the next run asks only whether the set is still the same", "[remote]") {
  const test::RemoteSet set;
  const std::string log = set.local / "log";
  const test::HttpServer server(set.folder.path(), {"--log", log});
  {
    Opened opened(server, set);
    opened.remote.at(0, 0);
    wait_until_all_are_here(opened.remote);
  }
  const int requests = test::lines_in(log);
  Opened again(server, set);
  CHECK(again.remote.here() == test::RemoteSet::kShards);
  CHECK(test::wrong_samples(*again.shards, set, test::in_order(set)).empty());
  CHECK(test::lines_in(log) == requests + 1);
}

TEST_CASE("within a limit all images can be read, epoch after epoch", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path());
  const std::uint64_t shard_bytes = test::RemoteSet::kPerShard * 180'096;
  const std::uint64_t limit = 2 * shard_bytes;
  Opened opened(server, set, limit);
  for (int epoch = 0; epoch < 2; ++epoch)
    for (std::int64_t sample = 0; sample < test::RemoteSet::kImages; ++sample) {
      opened.remote.at(epoch, sample);
      CHECK(test::wrong_samples(*opened.shards, set, {sample}).empty());
      CHECK(opened.remote.here() <= 2);
    }
  // Beside the images: the tables, and the first MiB of shards that were never fetched whole.
  CHECK(test::bytes_on_disk(opened.folder) < limit + test::RemoteSet::kShards * 50'000);
}

TEST_CASE("a limit that is too small for the order is refused with the one that is needed", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path());
  CHECK_THAT(
      test::message_of([&] { Opened(server, set, 1'500'000); }),
      Catch::Contains("local_limit: got 1.4 MiB, but the images that an epoch needs at the same time take 2.7 MiB"));
}

TEST_CASE("bytes that came wrong are fetched again; those that stay wrong end the run", "[remote]") {
  const test::RemoteSet set;
  SECTION("once") {
    const test::HttpServer server(set.folder.path(),
                                  {"fine", "fine", "fine", "fine", "fine", "fine", "garbage", "garbage"});
    Opened opened(server, set);
    opened.remote.at(0, 0);
    CHECK(test::wrong_samples(*opened.shards, set, test::in_order(set)).empty());
  }
  SECTION("always") {
    const test::HttpServer server(set.folder.path());
    Opened opened(server, set);
    const auto time = fs::last_write_time(set.folder / "train-00001.h5");
    test::patch(set.folder / "train-00001.h5", set.samples[15].bytes, std::string(180'000, 'x'));
    fs::last_write_time(set.folder / "train-00001.h5", time);  // the server says nothing of a change
    opened.remote.at(0, 0);
    CHECK_THAT(test::message_of([&] { test::read_bytes(*opened.shards, 8); }),
               Catch::Contains("/train-00001.h5: image 7 (sample 15) came 3 times with a wrong checksum"));
  }
}

TEST_CASE("whoever waits is told why nothing will come", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path());
  Opened opened(server, set), other(server, set);
  SECTION("gone") {
    fs::remove(set.folder / "train-00004.h5");
    for (const Opened* one : {&opened, &other})
      CHECK_THAT(test::message_of([&] { test::read_bytes(*one->shards, 39); }),
                 Catch::Contains("/train-00004.h5: the server answers 404"));
  }
  SECTION("changed") {
    fs::last_write_time(set.folder / "train-00004.h5", fs::file_time_type::clock::now() + std::chrono::hours(1));
    CHECK_THAT(test::message_of([&] { test::read_bytes(*opened.shards, 39); }), Catch::Contains("was changed"));
    Opened next(server, set);  // a start after it
    next.remote.at(0, 0);
    CHECK(next.shards->shard_path(0) != opened.shards->shard_path(0));
    CHECK(test::wrong_samples(*next.shards, set, test::in_order(set)).empty());
  }
}

TEST_CASE("whoever waits is let go when the run ends", "[remote]") {
  const test::RemoteSet set;
  const test::HttpServer server(set.folder.path(),
                                {"fine", "fine", "fine", "fine", "fine", "fine", "stall", "stall", "stall", "stall"});
  Opened opened(server, set);
  std::string message;
  std::thread reader([&] { message = test::message_of([&] { test::read_bytes(*opened.shards, 39); }); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  opened.remote.stop();
  reader.join();
  CHECK_THAT(message, Catch::Contains("no longer waited for"));
}

#ifndef __SANITIZE_THREAD__  // which starts no threads in the child of a process that had some

TEST_CASE("where the process that fetches is killed, another goes on with what there is", "[remote]") {
  const test::RemoteSet set;
  // The first one gets half of each of some shards, and then nothing for long.
  const test::HttpServer server(
      set.folder.path(), {"fine", "fine", "fine", "fine", "fine", "fine", "stall", "stall", "stall", "stall", "stall"});
  std::vector<pid_t> processes;
  for (int i = 0; i < 3; ++i) {
    const pid_t process = ::fork();
    REQUIRE(process >= 0);
    if (process == 0) {
      HttpPatience patience = kQuick;
      if (i == 0) patience.slow = 60;
      Opened opened(server, set, {}, patience);
      opened.remote.at(0, 0);
      if (i == 0) ::pause();  // it ends as it is killed
      ::_exit(test::wrong_samples(*opened.shards, set, test::in_order(set)).empty() ? 0 : 1);
    }
    processes.push_back(process);
    if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ::kill(processes[0], SIGKILL);
  for (std::size_t i = 0; i < processes.size(); ++i) {
    int status = 0;
    REQUIRE(::waitpid(processes[i], &status, 0) == processes[i]);
    if (i > 0) CHECK(status == 0);
  }
}

#endif

}  // namespace
}  // namespace mosaic
