#pragma once

#include <string>

#include "base/file.h"

namespace mosaic {

/// That nobody else packs into a folder, for as long as this lives: a lock on its file `pack.lock`, which ends with the process however that
/// ends, and on file systems that all nodes share too. Where a file system has no locks it warns, and goes on.
class PackLock {
 public:
  /// @throws Error naming process and host of the one who packs there
  explicit PackLock(const std::string& folder);
  ~PackLock();  // removes the file
  PackLock(const PackLock&) = delete;
  PackLock& operator=(const PackLock&) = delete;

 private:
  std::string path_;
  FileDescriptor file_;
};

}  // namespace mosaic
