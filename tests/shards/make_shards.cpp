#include "shards/make_shards.h"

#include "base/error.h"
#include "base/sha256.h"
#include "catch.h"
#include "shards/shard_writer.h"
#include "support.h"

namespace mosaic::test {

std::vector<std::string> three_classes() { return {"cat", "dog", "ein Vögelchen"}; }

std::vector<Sample> some_samples(int count) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    Sample s;
    s.width = 3 + i;
    s.height = 2;
    for (int byte = 0; byte < s.width * s.height * 3; ++byte) s.bytes += static_cast<char>(i * 31 + byte * 7 + 1);
    s.label = i % 3;
    s.name = str(three_classes()[static_cast<std::size_t>(i % 3)], "/", i, ".png");
    samples.push_back(std::move(s));
  }
  return samples;
}

std::vector<std::string> write_parts(const std::string& folder, const std::string& split,
                                     const std::vector<Sample>& samples, std::size_t per_shard,
                                     const std::vector<std::string>& class_names) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < samples.size(); begin += per_shard) {
    ShardWriter writer(split, class_names);
    for (std::size_t i = begin; i < std::min(samples.size(), begin + per_shard); ++i)
      writer.add(samples[i].stored(), samples[i].label, samples[i].name);
    parts.push_back(str(folder, "/", split, ".", parts.size(), ".part"));
    writer.write(parts.back());
  }
  return parts;
}

std::string write_shards(const std::string& folder, const std::string& split, const std::vector<Sample>& samples,
                         std::size_t per_shard, const std::vector<std::string>& class_names) {
  return finish_shards(write_parts(folder, split, samples, per_shard, class_names), folder, split);
}

std::string read_bytes(const ShardSet& shards, std::int64_t sample) {
  std::vector<std::byte> buffer;
  const StoredImage image = shards.read(sample, buffer);
  return {reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size()};
}

void patch(const std::string& path, const std::string& old_bytes, const std::string& new_bytes) {
  std::string contents = read_text(path);
  const auto at = contents.find(old_bytes);
  REQUIRE(old_bytes.size() == new_bytes.size());
  REQUIRE(at != std::string::npos);
  REQUIRE(contents.find(old_bytes, at + 1) == std::string::npos);
  write_text(path, contents.replace(at, old_bytes.size(), new_bytes));
}

std::string sha256_of_file(const std::string& path) {
  Sha256 sha;
  sha.add(read_text(path));
  return sha.hex();
}

}  // namespace mosaic::test
