#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "preprocess/source_list.h"

namespace mosaic {

/// `into.size()` bytes of a file from `offset` on.
/// @throws Error if the file ends before
void read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> into, const std::string& path);

/// Size and time of change of the file `path`, as SourceFile has them.
struct FileState {
  std::int64_t bytes = 0, modified = 0;
};
/// @throws Error if it is not there or no regular file
FileState state_of(const std::string& path);

/// Where what is compressed in a container is, once it is unpacked into `folder`.
/// @param container  its place in the list
std::string unpacked_path(const std::string& folder, const SourceList& list, std::size_t container);

/// Reads image files, wherever they are. Containers stay open, some at a time. Thread-safe.
class SourceReader {
 public:
  /// @param list      outlives this
  /// @param unpacked  folder in which what is compressed is found unpacked, see unpacked_path
  explicit SourceReader(const SourceList& list, std::string unpacked = {})
      : list_(list), unpacked_(std::move(unpacked)) {}

  /// @throws Error "WHERE: what is wrong": it is gone, empty or no regular file
  std::vector<std::byte> read(const SourceFile& file) const;

 private:
  std::shared_ptr<const FileDescriptor> open(const std::string& path) const;

  const SourceList& list_;
  std::string unpacked_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const FileDescriptor>> open_;
};

}  // namespace mosaic
