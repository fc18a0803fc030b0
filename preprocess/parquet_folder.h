#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "preprocess/source_list.h"

namespace mosaic {

/// What a name says as `datasets` gives it: "x-train-00000-of-00040.parquet" is number 0 of the 40 files of the set "x-train".
struct ParquetName {
  std::string set;
  std::int64_t number = 0, count = 0;
};
std::optional<ParquetName> parse_parquet_name(const std::string& name);

/// @param names  of the files of one split in a folder; those of another form say nothing
/// @throws Error unless the others are one set, whole: each number from 0 on, once
void check_parquet_names(const std::string& folder, const std::string& split, const std::vector<std::string>& names);

/// List one split in Parquet files as Hugging Face's `datasets` writes them (parquet_rows.h). Labels are numbers; images are named after
/// image.path and sorted as in class folders of these names. The ending _CLASS that imagenet-1k adds to the names of ImageNet's files is
/// left out if `classes_file` names the classes and all images have it. Where not every image has a path of its own in its class, they are
/// sorted by label, then as they stand, and named by their place.
/// @param path          for messages
/// @param files         in order
/// @param classes_file  see name_classes
/// @param threads       that read the files
/// @throws Error naming the file and the row
SourceList list_parquet(const std::string& path, const std::vector<std::string>& files, const std::string& classes_file,
                        int threads);

/// Whether a container is such a file. Offsets in it are those in its images, one after the other.
bool is_parquet(const std::string& path);
/// Those, in pieces, in order.
void read_parquet_images(const std::string& path, const std::function<void(std::span<const std::byte>)>& take);

}  // namespace mosaic
