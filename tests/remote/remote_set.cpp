#include "remote/remote_set.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "catch.h"

namespace mosaic::test {
namespace {

std::vector<Sample> large_samples() {
  std::vector<Sample> samples;
  std::uint32_t x = 17;
  for (int i = 0; i < RemoteSet::kImages; ++i) {
    Sample s{.kind = StoredKind::kPixels,
             .width = 300,
             .height = 200,
             .bytes = {},
             .label = i % 3,
             .name = std::to_string(i)};
    while (s.bytes.size() < 180'000) s.bytes += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    samples.push_back(std::move(s));
  }
  return samples;
}

}  // namespace

RemoteSet::RemoteSet()
    : samples(large_samples()), fingerprint(write_shards(folder.path(), "train", samples, kPerShard)) {}

std::vector<std::int64_t> wrong_samples(const ShardSet& shards, const RemoteSet& set,
                                        const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> wrong;
  for (const std::int64_t sample : order)
    if (read_bytes(shards, sample) != set.samples[static_cast<std::size_t>(sample)].bytes) wrong.push_back(sample);
  return wrong;
}

std::vector<std::int64_t> in_order(const RemoteSet& set) {
  std::vector<std::int64_t> order(set.samples.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::uint64_t bytes_on_disk(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    struct stat info {};
    REQUIRE(::stat(entry.path().c_str(), &info) == 0);
    bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

int lines_in(const std::string& path) {
  const std::string text = read_text(path);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace mosaic::test
