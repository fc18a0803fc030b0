#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "preprocess/source_list.h"

namespace mosaic {

/// List one split of a MosaicML Streaming data set: a folder with index.json
/// and the shards that it names (format "mds", version 2), as they are or
/// compressed with zstd, or both, where the first is taken. Columns: x, the
/// image's file (jpeg, png or bytes); y, its label, a whole number; i, a whole
/// number too, by which the images are sorted. Without i they are sorted by
/// label, then as they stand. An image is named CLASS/NUMBER.jpg after i, or
/// after its place in the data set.
/// @param classes_file  see name_classes
/// @param threads  that read the shards; each holds one of those that are
/// compressed
/// @throws Error naming the file and the sample
SourceList list_mds_folder(const std::string& folder, const std::string& classes_file, int threads);

/// What is in a file compressed with zstd.
/// @param bytes  how many there must be
std::vector<std::byte> read_zstd(const std::string& path, std::size_t bytes);

}  // namespace mosaic
