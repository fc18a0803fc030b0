#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mosaic {

/// A column of a shard of MosaicML Streaming.
struct MdsColumn {
  std::string name, encoding;
  std::optional<std::int64_t> bytes;  // none: each sample says
};

/// A shard as index.json describes it.
struct MdsShard {
  std::string path;
  bool compressed = false;
  std::int64_t bytes = 0;               // not compressed; at most 4 GiB, since its offsets have 32 bits
  std::string digest, unpacked_digest;  // as in Container
  std::int64_t samples = 0;
  std::vector<MdsColumn> columns;  // x and y are among them, and perhaps i
};

/// The shards of a data set of MosaicML Streaming: FOLDER/index.json. Those that lie there both compressed and not are taken as they are not.
/// @throws Error naming the shard and the key if something is missing in it or not as expected
std::vector<MdsShard> read_mds_index(const std::string& folder);

/// Null if there is none.
const MdsColumn* column_called(const std::vector<MdsColumn>& columns, const char* name);

/// Size and sign of a number's encoding; 0 if it is none.
struct MdsNumber {
  std::int64_t bytes = 0;
  bool is_signed = false;
};
MdsNumber number_of(const std::string& encoding);

}  // namespace mosaic
