#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/stored_image.h"
#include "shards/shard_set.h"

namespace mosaic::test {

/// An image to be put into a shard, with bytes of its own.
struct Sample {
  StoredKind kind = StoredKind::kPixels;
  int width = 1;
  int height = 1;
  std::string bytes;
  std::int32_t label = 0;
  std::string name;

  StoredImage stored() const { return {kind, width, height, std::as_bytes(std::span(bytes))}; }
};

/// `count` images of pixels, all different in size and bytes; labels 0, 1, 2, 0, 1, ... (classes: `three_classes()`).
std::vector<Sample> some_samples(int count);
std::vector<std::string> three_classes();

/// Writes `samples` as shards of `per_shard` images each and finishes them. Returns the fingerprint.
std::string write_shards(const std::string& folder, const std::string& split, const std::vector<Sample>& samples,
                         std::size_t per_shard, const std::vector<std::string>& class_names = three_classes());

/// The same without finishing: the paths of the parts, in order.
std::vector<std::string> write_parts(const std::string& folder, const std::string& split,
                                     const std::vector<Sample>& samples, std::size_t per_shard,
                                     const std::vector<std::string>& class_names = three_classes());

/// Stored bytes of one sample of a set.
std::string read_bytes(const ShardSet& shards, std::int64_t sample);

/// Replaces the one place where `path` holds `old_bytes`. The test fails if there is none, or more than one.
void patch(const std::string& path, const std::string& old_bytes, const std::string& new_bytes);

/// The bytes of a little-endian array in memory and on disk.
template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string sha256_of_file(const std::string& path);

}  // namespace mosaic::test
