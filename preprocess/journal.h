#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "preprocess/image_folder.h"

namespace mosaic {

/// A source file that is in no shard, and why.
struct BadFile {
  std::int64_t file = 0;  // its place in ImageFolder::files
  std::string fault;
};

/// What went into the shards of one split: a small text file beside them, by which packing goes on after it was killed, and
/// knows what is done already.
struct Journal {
  struct Part {
    std::int64_t begin = 0, end = 0;  // source files
    std::string sources;              // digest_of_sources of these and the next one
    std::vector<BadFile> bad;         // among them
    std::map<std::string, std::int64_t>
        whole;  // JPEG files among them that could not be packed: how many for each reason
  };
  std::string options;  // digest_of_options
  std::vector<Part> parts;
  std::string fingerprint;  // of the finished data set; empty until then
};

/// nullopt if there is none, or none that this version can read.
std::optional<Journal> read_journal(const std::string& path);
/// Atomic, and on the disk when it returns.
void write_journal(const std::string& path, const Journal& journal);

/// Of everything but the source files that decides on the bytes of the shards.
std::string digest_of_options(const std::vector<std::string>& class_names, std::uint64_t shard_size, bool keep_files);
/// Of name, size and time of change of the files [begin, end).
std::string digest_of_sources(const ImageFolder& source, std::int64_t begin, std::int64_t end);

}  // namespace mosaic
