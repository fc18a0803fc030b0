#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// One image file below a split's folder.
struct SourceFile {
  std::string name;  // path below the split's folder: "n01440764/n01440764_10026.JPEG"
  std::int32_t label = 0;
  std::int64_t bytes = 0;     // -1 if it cannot be asked for (a link that leads nowhere)
  std::int64_t modified = 0;  // nanoseconds since 1970
};

/// A folder of class folders, as torchvision's ImageFolder lists it.
struct ImageFolder {
  std::string path;
  std::vector<std::string> class_names;
  std::vector<SourceFile> files;  // class after class

  std::string path_of(const SourceFile& file) const { return path + "/" + file.name; }
};

/// List `path`. Classes are its immediate sub-folders, sorted by code point. In each class, in all depths and through
/// symbolic links, the files called .jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp in any case: folders sorted by path,
/// files by name. A folder that has such files but no sub-folder is one class, named `name_if_flat`.
/// @throws Error if the folder is missing or has no classes, if a class has no such file, if a link makes a loop
ImageFolder list_image_folder(const std::string& path, const std::string& name_if_flat);

/// All of it as one text, for other processes, and back.
std::string to_text(const ImageFolder& folder);
ImageFolder image_folder_of(const std::string& text);

}  // namespace mosaic
