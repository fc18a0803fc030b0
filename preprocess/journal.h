#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "preprocess/source_groups.h"
#include "preprocess/source_list.h"
#include "preprocess/storage.h"

namespace mosaic {

/// A source file that is in no shard, and why.
struct BadFile {
  std::int64_t file = 0;  // its place in SourceList::files
  std::string fault;
};

/// How many files have some property, under its name.
using Counts = std::map<std::string, std::int64_t>;

/// What has become of one group of source files.
struct PackedGroup {
  std::int64_t number = 0;
  SourceGroup files;
  std::string sources;       // digest_of_sources of them
  int shards = 0;            // none if all files are bad
  std::vector<BadFile> bad;  // among them
  Counts whole;              // JPEG files among them that could not be packed, by reason
  Counts samplings;          // those that were, by sampling of their chroma
};

/// What went into the shards of one split: a small text file beside them, by which packing goes on after it was killed, and
/// knows what is done already.
struct Journal {
  std::string options;                         // digest_of_options
  std::map<std::int64_t, PackedGroup> groups;  // by number; those that are done
  std::string fingerprint;                     // of the finished data set; empty until then
};

/// The journal as its file has it, and back; nullopt for a text that this version cannot read.
std::string to_text(const Journal& journal);
std::optional<Journal> journal_of(const std::string& text);

/// nullopt if there is none, or none that this version can read.
std::optional<Journal> read_journal(const std::string& path);
/// Atomic, and on the disk when it returns.
void write_journal(const std::string& path, const Journal& journal);

/// Of everything but the source files that decides on the bytes of the shards.
std::string digest_of_options(const std::vector<std::string>& class_names, std::uint64_t shard_size, Storage storage);
/// Of name, size and time of change of each file.
std::string digest_of_sources(const SourceList& source, SourceGroup files);

}  // namespace mosaic
