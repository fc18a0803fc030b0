#pragma once

#include <cstdint>
#include <vector>

#include "preprocess/source_list.h"
#include "preprocess/storage.h"

namespace mosaic {

/// The files [begin, end) of an SourceList: what one process packs, without knowing the others, into one shard or several.
struct SourceGroup {
  std::int64_t begin = 0, end = 0;
};

/// Cut `source` where the files before, each at its expected size in a shard, fill one. Known from the listing alone, so groups can be
/// packed in any order and by any process. A group whose images come out larger than expected takes more than one shard.
std::vector<SourceGroup> cut_into_groups(const SourceList& source, std::uint64_t shard_size, Storage storage);

}  // namespace mosaic
