#include "shards/local_copies.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "catch.h"
#include "shards/make_shards.h"
#include "shards/small_disk.h"
#include "support.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

/// Forty images in ten shards.
struct Set {
  Set() : samples(test::some_samples(40)), fingerprint(test::write_shards(folder.path(), "train", samples, 4)) {}

  std::shared_ptr<const ShardSet> open() const { return std::make_shared<const ShardSet>(folder.path(), "train"); }
  std::string copies_in(const std::string& local) const { return local + "/" + fingerprint.substr(0, 16); }
  void check_all(const ShardSet& shards) const {
    for (std::int64_t i = 0; i < shards.size(); ++i) CHECK(test::read_bytes(shards, i) == samples[i].bytes);
  }

  test::TemporaryFolder folder;
  std::vector<test::Sample> samples;
  std::string fingerprint;
};

/// No file but those of `shards` shards and the lock.
void check_files(const std::string& folder, int shards) {
  int others = 0, found = 0;
  for (const auto& entry : fs::directory_iterator(folder)) ++(entry.path().extension() == ".h5" ? found : others);
  CHECK(found == shards);
  CHECK(others == 1);
}

ino_t inode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}

TEST_CASE("shards are read from their copies once these are made, and by the next run at once", "[shards]") {
  const Set set;
  const test::TemporaryFolder local;
  const std::string first_copy = set.copies_in(local.path()) + "/train-00000.h5";
  {
    const auto shards = set.open();
    LocalCopies copies(shards, {local.path(), {}});
    set.check_all(*shards);  // while they are made
    copies.wait();
    CHECK(copies.in_use() == 10);
    set.check_all(*shards);
  }
  check_files(set.copies_in(local.path()), 10);
  const ino_t made = inode_of(first_copy);
  const auto shards = set.open();
  LocalCopies copies(shards, {local.path(), {}});
  copies.wait();
  CHECK(copies.in_use() == 10);
  CHECK(inode_of(first_copy) == made);
  for (int shard = 0; shard < 10; ++shard) fs::resize_file(shards->shard_path(shard), 0);  // nobody looks there
  set.check_all(*shards);
}

TEST_CASE("a copy that is damaged or gone is left, and the shard read itself", "[shards]") {
  const Set set;
  const test::TemporaryFolder local;
  const auto shards = set.open();
  LocalCopies copies(shards, {local.path(), {}});
  copies.wait();
  const std::string folder = set.copies_in(local.path());
  const std::string& bytes = set.samples[5].bytes;
  test::patch(folder + "/train-00001.h5", bytes, std::string(bytes.size(), 'x'));
  fs::resize_file(folder + "/train-00002.h5", 100);
  set.check_all(*shards);
}

TEST_CASE("what a killed copy has left is made good", "[shards]") {
  const Set set;
  const test::TemporaryFolder local;
  const std::string folder = set.copies_in(local.path());
  fs::create_directories(folder);
  test::write_text(folder + "/train-00003.h5.partial", "half of");
  test::write_text(folder + "/train-00099.h5.partial", "half of");
  test::write_text(folder + "/train-00004.h5", "too short");
  const auto shards = set.open();
  LocalCopies copies(shards, {local.path(), {}});
  copies.wait();
  CHECK(copies.in_use() == 10);
  check_files(folder, 10);
  set.check_all(*shards);
}

TEST_CASE("copies end where local_limit or the disk does; the other shards are read where they are", "[shards]") {
  const Set set;
  const auto shards = set.open();
  const std::uint64_t bytes = fs::file_size(shards->shard_path(0));  // more or less that of each
  SECTION("local_limit") {
    const test::TemporaryFolder local;
    LocalCopies copies(shards, {local.path(), bytes * 7 / 2});
    copies.wait();
    CHECK(copies.in_use() == 3);
    check_files(set.copies_in(local.path()), 3);
    set.check_all(*shards);
  }
  SECTION("disk") {
    const test::SmallDisk local(bytes * 6);
    if (!local.mounted()) return;
    LocalCopies copies(shards, {local.path(), {}});
    copies.wait();
    CHECK(copies.in_use() >= 2);
    CHECK(copies.in_use() < 6);
    check_files(set.copies_in(local.path()), copies.in_use());
    set.check_all(*shards);
  }
  SECTION("no folder") {
    LocalCopies copies(shards, {shards->shard_path(0) + "/x", {}});
    copies.wait();
    CHECK(copies.in_use() == 0);
    set.check_all(*shards);
  }
}

#ifndef __SANITIZE_THREAD__  // which starts no threads in the child of a process that had some

TEST_CASE("the processes of a node share copies; where the one that makes them is killed, another goes on",
          "[shards]") {
  const Set set;
  const test::TemporaryFolder local;
  std::vector<pid_t> processes;
  for (int i = 0; i < 3; ++i) {
    const pid_t process = ::fork();
    REQUIRE(process >= 0);
    if (process == 0) {
      const auto shards = set.open();
      LocalCopies copies(shards, {local.path(), {}});
      if (i == 0) ::pause();  // the first ends as it is killed
      copies.wait();
      bool good = copies.in_use() == 10;
      for (std::int64_t k = 0; k < shards->size(); ++k)
        good = good && test::read_bytes(*shards, k) == set.samples[k].bytes;
      ::_exit(good ? 0 : 1);
    }
    processes.push_back(process);
    if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ::kill(processes[0], SIGKILL);
  for (std::size_t i = 0; i < processes.size(); ++i) {
    int status = 0;
    REQUIRE(::waitpid(processes[i], &status, 0) == processes[i]);
    if (i > 0) CHECK(status == 0);
  }
  check_files(set.copies_in(local.path()), 10);
}

#endif

}  // namespace
}  // namespace mosaic
