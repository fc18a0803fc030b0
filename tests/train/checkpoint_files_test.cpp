#include "train/checkpoint_files.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/crc32c.h"
#include "base/file.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFiles = {"weights.safetensors", "optimizer.safetensors", "state.json"};

void write_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// A folder of files that differ in length and content, with its manifest.
void make_checkpoint(const std::string& folder, unsigned seed) {
  fs::create_directories(folder);
  std::mt19937 random(seed);
  WrittenFiles written;
  for (const std::string& name : kFiles) {
    std::string bytes(500 + random() % 4000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    write_bytes(folder + "/" + name, bytes);
    written[name] = crc32c(std::as_bytes(std::span(bytes)));
  }
  write_manifest(folder, written);
}

TEST_CASE("bytes that a disk has changed on their way are found, though the manifest was written after them",
          "[train]") {
  const test::TemporaryFolder folder;
  const std::string checkpoint = folder.path() + "/ep1-ba10";
  make_checkpoint(checkpoint, 1);
  WrittenFiles written;
  for (const std::string& name : kFiles) written[name] = crc32c(read_file(checkpoint + "/" + name));
  write_bytes(checkpoint + "/state.json", "other bytes than those that were to be written");
  write_manifest(checkpoint, written);
  CHECK(fault_of_checkpoint(checkpoint).starts_with("state.json: CRC-32C: got "));
}

TEST_CASE("a checkpoint is whole until any bit, length, name or file of it changes", "[train]") {
  const test::TemporaryFolder folder;
  const std::string whole = folder.path() + "/ep1-ba10", damaged = folder.path() + "/ep2-ba20";
  make_checkpoint(whole, 1);
  CHECK(fault_of_checkpoint(whole).empty());

  std::vector<std::string> names = kFiles;
  names.push_back("MANIFEST.json");
  std::mt19937 random(7);
  int not_found = 0;
  for (int i = 0; i < 1000; ++i) {
    fs::remove_all(damaged);
    fs::copy(whole, damaged, fs::copy_options::recursive);
    const std::string path = damaged + "/" + names[random() % names.size()];
    const auto size = fs::file_size(path);
    switch (random() % 4) {
      case 0:
        fs::resize_file(path, random() % size);
        break;
      case 1:
        fs::remove(path);
        break;
      case 2:
        fs::rename(damaged + "/" + kFiles[0], damaged + "/x"),
            fs::rename(damaged + "/" + kFiles[1], damaged + "/" + kFiles[0]),
            fs::rename(damaged + "/x", damaged + "/" + kFiles[1]);
        break;
      default: {  // a bit; in the manifest one of a number or a name, since white space may change
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        std::string bytes(size, '\0');
        file.read(bytes.data(), static_cast<std::streamsize>(size));
        std::size_t at = random() % size;
        while (path.ends_with("MANIFEST.json") && !std::isalnum(static_cast<unsigned char>(bytes[at])))
          at = random() % size;
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(bytes[at] ^ (1 << random() % 8)));
      }
    }
    const std::string fault = fault_of_checkpoint(damaged);
    if (fault.empty()) ++not_found;
  }
  CHECK(not_found == 0);

  fs::remove_all(damaged);
  fs::copy(whole, damaged, fs::copy_options::recursive);
  fs::remove(damaged + "/MANIFEST.json");
  const FoundCheckpoint found = find_checkpoint(folder.path());
  CHECK(found.path == whole);
  REQUIRE(found.refused.size() == 1);
  CHECK(found.refused[0] == damaged + ": MANIFEST.json: cannot open: No such file or directory");
}

TEST_CASE("a checkpoint of a name that is there takes its place, and `latest` never dangles", "[train]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/ep1-ba10", temporary = folder.path() + "/.ep1-ba10.partial";
  for (unsigned seed = 1; seed <= 3; ++seed) {
    make_checkpoint(temporary, seed);
    const auto bytes = read_file(temporary + "/state.json");
    publish_checkpoint(temporary, path);
    CHECK((read_file(folder.path() + "/latest/state.json") == bytes));
    CHECK(fault_of_checkpoint(path).empty());
    CHECK_FALSE(fs::exists(temporary));
  }
  CHECK(find_checkpoint(folder.path() + "/latest").path == path);
  CHECK(find_checkpoint(path).path == path);
}

TEST_CASE("checkpoints are ordered by their batches, and what a writer left is removed", "[train]") {
  const test::TemporaryFolder folder;
  for (const char* name : {"ep10-ba100", "ep9-ba90", "ep10-ba105"}) make_checkpoint(folder.path() + "/" + name, 1);
  for (const char* name : {".ep11-ba110.partial", ".ep9-ba90.old", "ep12-ba120x", "notes"})
    fs::create_directories(folder.path() + "/" + name);
  CHECK(find_checkpoint(folder.path()).path == folder.path() + "/ep10-ba105");
  remove_leftovers(folder.path());
  CHECK_FALSE(fs::exists(folder.path() + "/.ep11-ba110.partial"));
  CHECK_FALSE(fs::exists(folder.path() + "/.ep9-ba90.old"));
  CHECK(fs::exists(folder.path() + "/notes"));
  CHECK(holds_checkpoints(folder.path()));
  CHECK_FALSE(holds_checkpoints(folder.path() + "/notes"));
  CHECK_FALSE(holds_checkpoints(folder.path() + "/none"));
}

}  // namespace
}  // namespace mosaic
