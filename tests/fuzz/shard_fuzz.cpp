/// libFuzzer: a shard whose tables, attributes and texts hold anything. The structure of the file is left to the HDF5 library, which is not
/// ours to test; all numbers that it gives us are.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "shards/shard_set.h"
#include "shards/shard_tables.h"
#include "shards/shard_writer.h"

using namespace mosaic;

namespace {

constexpr int kImages = 12;

/// A shard in memory, and the ranges of bytes of it that are ours.
struct Base {
  std::string folder, file;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  std::size_t total = 0;

  template <class T>
  void add_column(const std::vector<T>& values) {
    add_text({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  void add_text(const std::string& text) {
    const auto at = file.find(text);
    if (at == std::string::npos) std::abort();  // the format has changed, and with it what is to be found
    ranges.emplace_back(at, text.size());
    total += text.size();
  }

  Base() : folder("/dev/shm/mosaic-shard-fuzz-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder);
    ShardWriter writer("train", {"cat", "dog"});
    for (int i = 0; i < kImages; ++i) {
      std::vector<std::byte> pixels(static_cast<std::size_t>((3 + i) * 2 * 3), static_cast<std::byte>(17 * i + 1));
      writer.add({StoredKind::kPixels, 3 + i, 2, pixels}, i % 2, str("cat/a picture with a name ", i));
    }
    writer.write(folder + "/part");
    finish_shards({folder + "/part"}, folder, "train");
    std::ifstream in(folder + "/train-00000.h5", std::ios::binary);
    file.assign(std::istreambuf_iterator<char>(in), {});
    const ShardTables t = read_shard_tables(folder + "/train-00000.h5");
    add_column(t.offsets);
    add_column(t.sizes);
    add_column(t.labels);
    add_column(t.widths);
    add_column(t.heights);
    add_column(t.kinds);
    add_column(t.crc32c);
    add_text("a picture with a name");
    add_text(t.fingerprint);
    add_text("mosaic_resnet");
  }
  ~Base() { std::filesystem::remove_all(folder); }

  char& byte(std::string& copy, std::size_t at) const {
    for (const auto& [begin, size] : ranges) {
      if (at < size) return copy[begin + at];
      at -= size;
    }
    std::abort();
  }
};

}  // namespace

/// Input: patches of three bytes, place (16 bits) and value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Base base;
  std::string copy = base.file;
  for (std::size_t i = 0; i + 3 <= size; i += 3)
    base.byte(copy, (data[i] | std::size_t{data[i + 1]} << 8) % base.total) = static_cast<char>(data[i + 2]);
  const std::string path = base.folder + "/train-00000.h5";
  std::ofstream(path, std::ios::binary | std::ios::in | std::ios::out) << copy;
  const auto refused = [](auto action) {
    try {
      action();
      return false;
    } catch (const Error&) {  // what a damaged shard is for
      return true;
    }
  };
  refused([&] { read_shard_tables(path); });
  refused([&] {
    const ShardSet shards(base.folder, "train");
    std::vector<std::byte> buffer;
    for (std::int64_t sample = 0; sample < shards.size(); ++sample)
      refused([&] {
        shards.describe(sample);
        shards.read(sample, buffer);
      });
  });
  return 0;
}
