#pragma once

#include <string>
#include <vector>

#include "preprocess/source_list.h"

namespace mosaic {

/// List the tars of one split in WebDataset's form. Members one after the other
/// whose names are the same up to the first dot of the file's name, the key,
/// are one sample: an image (KEY.jpg, by any ending of an image's) and its
/// label, a decimal number in KEY.cls, or in KEY.json as "label" or "cls".
/// Other members are ignored. An image is named CLASS/KEY.jpg (KEY.jpg, if the
/// key begins with CLASS/), and the order is that of a folder of class folders
/// with these names.
/// @param path     for messages about all of them
/// @param tars     their paths, sorted
/// @param classes_file  see name_classes
/// @param threads  that read the tars
/// @throws Error naming tar and member
SourceList list_web_dataset(const std::string& path, const std::vector<std::string>& tars,
                            const std::string& classes_file, int threads);

/// Whether the tar's first members are a sample of WebDataset's: one is called
/// .cls or .json.
bool is_web_dataset(const std::string& tar);

}  // namespace mosaic
