#pragma once

#include <string>

#include "preprocess/source_list.h"

namespace mosaic {

/// List `path`, a folder of class folders, as torchvision's ImageFolder does. Classes are its immediate sub-folders, sorted by code
/// point. In each class, in all depths and through symbolic links, the files that `is_called_image`: folders sorted by path, files
/// by name. A folder that has such files but no sub-folder is one class, named `name_if_flat`.
/// @throws Error if the folder is missing or has no classes, if a class has no such file, if a link makes a loop
SourceList list_image_folder(const std::string& path, const std::string& name_if_flat);

}  // namespace mosaic
