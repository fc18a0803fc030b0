#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "preprocess/source_list.h"

namespace mosaic {

/// "train-00000-of-00040.parquet" is of the split train, "x-validation-00000-of-00001.parquet" of validation: the number says how many
/// there are of it.
std::optional<std::int64_t> parquet_files_of(const std::string& name, const std::string& split);

/// List one split in Parquet files as Hugging Face's `datasets` writes them (parquet_rows.h). Labels are numbers; images are named after
/// image.path and sorted as in class folders of these names. The ending _CLASS that imagenet-1k adds to the names of ImageNet's files is left
/// out. Where not every image has a path of its own in its class, they are sorted by label, then as they stand, and named by their place.
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
