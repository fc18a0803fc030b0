#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// A file that holds images one after the other, each as it would be in a file of its own: a tar, a shard of MosaicML Streaming.
struct Container {
  std::string path;
  std::string inside;  // an archive in it, of which its members are; empty: they are its own
  std::int64_t unpacked_bytes =
      -1;  // of what is compressed in it, in which offsets count then; -1: it is not compressed
  std::string digest = {}, unpacked_digest = {};  // "sha1:2fd4..." of the file and of that, if they came with it
};

/// One image file.
struct SourceFile {
  std::string name;  // path below the split's folder: "n01440764/n01440764_10026.JPEG"
  std::int32_t label = 0;
  std::int64_t bytes = 0;     // -1 if it cannot be asked for (a link that leads nowhere)
  std::int64_t modified = 0;  // nanoseconds since 1970; of its container, if it is in one

  std::int32_t container = -1;  // its place in SourceList::containers; -1: a file in the folder SourceList::path
  std::int64_t offset = 0;      // where it begins in the container
  std::string member = {};      // what it is called there; empty, in a folder: `name`
};

/// The images of one split, in the order in which they are packed, and where their bytes are.
struct SourceList {
  std::string path;  // folder or archive, for messages
  std::vector<std::string> class_names;
  std::vector<SourceFile> files;
  std::vector<Container> containers = {};
  std::string classes_from =
      {};  // the file that was given to say of which class images are, or how classes are called; not sent on

  /// For messages: "train/n01440764/n01440764_10026.JPEG", "train.tar: n01440764.tar: n01440764_10026.JPEG".
  std::string where(const SourceFile& file) const;
};

/// Whether a file's name ends as that of an image that is packed: .jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp in any case.
bool is_called_image(const std::string& name);
/// Those endings, for messages.
inline constexpr char kImageEndings[] = "jpg, jpeg, png, ppm, bmp, pgm, tif, tiff or webp";

/// Put `list.files`, named CLASS/..., into the order in which a folder of class folders with these names is listed (image_folder.h).
/// @throws Error if two have the same name
void sort_as_folder(SourceList& list);

/// All of it as one text, for other processes, and back.
std::string to_text(const SourceList& list);
SourceList source_list_of(const std::string& text);

}  // namespace mosaic
