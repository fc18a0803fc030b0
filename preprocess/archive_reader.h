#pragma once

#include <archive.h>

#include <memory>
#include <string>

namespace mosaic {

/// What libarchive reads with. Include only in .cpp files.
struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchiveReader = std::unique_ptr<archive, FreeArchive>;
inline ArchiveReader new_archive_reader() { return ArchiveReader(archive_read_new()); }

/// Why its last call failed; `otherwise` where it does not say.
inline std::string reason_of(archive* a, const char* otherwise) {
  const char* reason = archive_error_string(a);
  return reason ? reason : otherwise;
}

}  // namespace mosaic
