#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "preprocess/image_files.h"
#include "preprocess/run_preprocess.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

// Packing once more: after an end, after a kill, after changes.

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

/// One split x of one class in many small shards: `count` images, one in each.
struct Source {
  TemporaryFolder root;
  explicit Source(int count) {
    for (int i = 0; i < count; ++i) write_picture(image(i), 60, 60, i);
  }
  std::string image(int i) const { return str(root / "in/x/c/", 1000 + i, ".ppm"); }
  std::vector<std::string> command(const std::string& out, const std::string& shard_size = "12KB") const {
    return {"pack", root / "in", root / out, "--split", "x", "--shard-size", shard_size, "--threads", "1"};
  }
  Outcome pack(const std::string& out, const std::vector<std::string>& more = {}) const {
    auto words = command(out);
    words.insert(words.end(), more.begin(), more.end());
    return run_preprocess(words);
  }
  std::vector<std::string> digests(const std::string& out) const { return shard_digests(root / out); }
  /// A group for each image, hence one part.
  std::string part(const std::string& out, int i) const {
    char name[32];
    std::snprintf(name, sizeof name, "/x.%05d-0.part", i);
    return root / out + name;
  }
  /// Run until the first bad file ends it: all parts are written, none is final.
  void pack_without_finish(const std::string& out) const {
    write_text(root / "in/x/c/0.png", "no image");
    REQUIRE(pack(out).exit_code == kExitBadInput);
    REQUIRE(fs::exists(part(out, 0)));
  }
};

TEST_CASE("packing again what is packed already does nothing and says so", "[preprocess]") {
  const Source source(5);
  REQUIRE(source.pack("out").exit_code == 0);
  const auto before = source.digests("out");
  const auto time = fs::last_write_time(source.root / "out/x-00000.h5");

  for (const auto& more : {std::vector<std::string>{}, {"--overwrite"}, {"--skip-bad", "5"}}) {
    const Outcome again = source.pack("out", more);
    CHECK(again.exit_code == 0);
    CHECK_THAT(again.err, Contains("out: x: packed already, from these files with these options: nothing to do"));
    CHECK_THAT(again.out, Contains("images                     5\n"));
  }
  CHECK(source.digests("out") == before);
  CHECK(fs::last_write_time(source.root / "out/x-00000.h5") == time);
}

TEST_CASE("a finished data set from other files or options is refused, and replaced only with --overwrite",
          "[preprocess]") {
  const Source source(5);
  REQUIRE(source.pack("out").exit_code == 0);
  const auto refusal = [&](const std::string& shard_size = "12KB") {
    const auto before = source.digests("out");
    const Outcome outcome = run_preprocess(source.command("out", shard_size));
    CHECK(outcome.exit_code == kExitBadInput);
    CHECK(source.digests("out") == before);
    return outcome.err;
  };
  const std::string sentence =
      str("preprocess: ",
          source.root / "out/x-00000.h5: a finished data set is here already, made from other files than are in ",
          source.root / "in/x now, or with other options: take another folder, or replace it with --overwrite\n");

  CHECK(refusal("13KB") == sentence);
  write_picture(source.image(2), 60, 60, 77);
  CHECK(refusal() == sentence);
  write_picture(source.image(6), 60, 60, 78);
  CHECK(refusal() == sentence);

  REQUIRE(source.pack("out", {"--overwrite"}).exit_code == 0);
  REQUIRE(source.pack("fresh").exit_code == 0);
  CHECK(source.digests("out") == source.digests("fresh"));

  fs::remove(source.root / "out/x.journal");  // shards of unknown origin
  CHECK(refusal() == sentence);
  fs::remove(source.image(6));  // fewer shards: the old one with the highest number must go
  REQUIRE(source.pack("out", {"--overwrite"}).exit_code == 0);
  CHECK(ShardSet(source.root / "out", "x").size() == 5);
}

TEST_CASE("killed at any moment and run again, packing goes on and gives the same bytes", "[preprocess]") {
  const Source source(60);
  REQUIRE(source.pack("undisturbed").exit_code == 0);
  const auto expected = source.digests("undisturbed");
  REQUIRE(expected.size() == 60);

  for (const int parts_before : {1, 5, 20}) {
    int exit_code = 0;  // on a busy machine it may end before it is killed
    for (int attempt = 0; attempt < 10 && exit_code != -1; ++attempt) {
      fs::remove_all(source.root / "out");
      const pid_t process = start_preprocess(source.command("out"));
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (!fs::exists(source.part("out", parts_before - 1)) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      ::kill(process, SIGKILL);
      exit_code = wait_for(process);
    }
    REQUIRE(exit_code == -1);
    REQUIRE(shard_numbers(source.root / "out", "x").empty());

    const Outcome again = source.pack("out");

    CHECK(again.exit_code == 0);
    CHECK(source.digests("out") == expected);
    for (const auto& entry : fs::directory_iterator(source.root / "out"))
      CHECK((entry.path().extension() == ".h5" || entry.path().filename() == "x.journal"));
  }
}

TEST_CASE("parts are kept as long as the files that went into them are the same", "[preprocess]") {
  const Source source(8);
  source.pack_without_finish("out");
  // A mark in a part shows whether it is made again.
  const auto mark = [&](int part) {
    fs::resize_file(source.part("out", part), fs::file_size(source.part("out", part)) + 1);
  };
  const auto marked = [&](int part) { return fs::file_size(source.part("out", part)) % 2 == 1; };
  for (int part = 0; part < 8; ++part) mark(part);

  SECTION("nothing changed") {
    REQUIRE(source.pack("out").exit_code == kExitBadInput);
    for (int part = 0; part < 8; ++part) CHECK(marked(part));
  }
  SECTION("a changed file: its part is made again") {
    write_picture(source.image(4), 50, 60, 99);
    REQUIRE(source.pack("out").exit_code == kExitBadInput);
    for (int part = 0; part < 8; ++part) CHECK(marked(part) == (part != 4));
  }
  SECTION("a part that is gone") {
    fs::remove(source.part("out", 5));
    REQUIRE(source.pack("out").exit_code == kExitBadInput);
    for (int part = 0; part < 8; ++part) CHECK(marked(part) == (part != 5));
  }
  SECTION("another class list: labels mean something else") {
    write_picture(source.root / "in/x/a/1.ppm", 60, 60, 1);
    REQUIRE(source.pack("out").exit_code == kExitBadInput);
    for (int part = 0; part < 8; ++part) CHECK_FALSE(marked(part));
  }
  SECTION("a journal that says nothing we know") {
    write_text(source.root / "out/x.journal", "mosaic_resnet pack journal 2\nweather fine\n");
    REQUIRE(source.pack("out").exit_code == kExitBadInput);
    for (int part = 0; part < 8; ++part) CHECK_FALSE(marked(part));
  }
}

TEST_CASE("after the source has changed, what was kept and what is new give the bytes of a fresh run", "[preprocess]") {
  const Source source(8);
  source.pack_without_finish("out");
  fs::remove(source.root / "in/x/c/0.png");    // repaired by removing
  write_picture(source.image(5), 10, 10, 99);  // small: now it fits into the shard before
  fs::remove(source.image(7));                 // the end comes earlier

  REQUIRE(source.pack("out").exit_code == 0);
  REQUIRE(source.pack("fresh").exit_code == 0);
  CHECK(source.digests("out") == source.digests("fresh"));
  CHECK(source.digests("out").size() == 6);
}

TEST_CASE("files added at the end go where a fresh run would put them", "[preprocess]") {
  const Source source(4);
  write_picture(source.image(4), 10, 10, 4);  // leaves room in the last shard
  source.pack_without_finish("out");
  write_picture(source.image(5), 10, 10, 5);
  REQUIRE(source.pack("out", {"--skip-bad", "1"}).exit_code == 0);
  REQUIRE(source.pack("fresh", {"--skip-bad", "1"}).exit_code == 0);
  CHECK(source.digests("out") == source.digests("fresh"));
}

TEST_CASE("killed between the renames and run again, the rest is renamed", "[preprocess]") {
  const Source source(6);
  REQUIRE(source.pack("undisturbed").exit_code == 0);
  REQUIRE(source.pack("out").exit_code == 0);
  fs::rename(source.root / "out/x-00004.h5", source.part("out", 4));
  fs::rename(source.root / "out/x-00005.h5", source.part("out", 5));
  const std::string journal = read_text(source.root / "out/x.journal");
  write_text(source.root / "out/x.journal", journal.substr(0, journal.find("finished ")));

  REQUIRE(source.pack("out").exit_code == 0);

  CHECK(source.digests("out") == source.digests("undisturbed"));
  CHECK(read_text(source.root / "out/x.journal").find("finished ") != std::string::npos);
}

}  // namespace
}  // namespace mosaic::test
