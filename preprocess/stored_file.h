#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/stored_image.h"
#include "image/image.h"
#include "preprocess/source_list.h"
#include "preprocess/source_reader.h"
#include "preprocess/storage.h"

namespace mosaic {

/// An image file as a shard will hold it, or the reason why it cannot be held.
struct StoredFile {
  StoredKind kind = StoredKind::kJpegFile;
  int width = 0;
  int height = 0;
  std::vector<std::byte> bytes;  // of a JPEG file, whole or packed
  Image pixels;                  // of any other
  std::string why_whole;         // why a JPEG file that should have been packed is kept whole; empty for all others
  std::string sampling;          // of a packed JPEG file: "4:2:0", "grey"
  std::string fault;             // empty if the file is good

  /// Points into this.
  StoredImage image() const;
};

/// Read a file of `list` and decode it. What is a JPEG by its content, whatever its name, is stored as `storage` says, and kept as it is
/// if it is to be packed but cannot be. Never throws for what is wrong with the file: see `fault`.
StoredFile load_source_file(const SourceReader& reader, const SourceList& list, const SourceFile& file,
                            Storage storage);

}  // namespace mosaic
