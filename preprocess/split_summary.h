#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shards/shard_set.h"

namespace mosaic {

/// What there is to say about one split.
struct SplitSummary {
  std::string split;
  std::string fingerprint;
  std::int64_t images = 0, classes = 0, shards = 0;
  std::int64_t packed = 0, jpegs = 0, pixels = 0;  // images of each kind
  int scaled_to = 0;                               // 0, or what ShardSet::max_side says
  std::uint64_t bytes = 0;
  int min_side = 0, max_side = 0;                     // over widths and heights
  std::int64_t min_per_class = 0, max_per_class = 0;  // images

  // Known while packing only.
  std::map<std::string, std::int64_t> whole = {};      // JPEG files that could not be packed, by reason
  std::map<std::string, std::int64_t> samplings = {};  // those that were, by sampling of their chroma
  std::uint64_t source_bytes = 0;                      // of the files
  std::int64_t bad = -1;                               // files that were left out; -1: not known
};

SplitSummary summarize(const ShardSet& shards);

/// One column per split, then the fingerprints.
std::string summary_text(const std::vector<SplitSummary>& splits);

/// The same for programs: one line, an object for each split under its name. What is not known is absent.
std::string summary_json(const std::vector<SplitSummary>& splits);

}  // namespace mosaic
