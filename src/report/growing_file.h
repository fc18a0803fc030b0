#pragma once

#include <string>

#include "base/file.h"

namespace mosaic {

/// A file that grows piece by piece. What cannot be written now (a full disk) is kept and tried again with the next piece, so that the file
/// has whole pieces only, but for a crash in the middle of one, and all of them once there is room. It never throws once it is open.
class GrowingFile {
 public:
  /// Goes on at the end of what is there.
  /// @throws Error naming the path and the system's reason
  explicit GrowingFile(std::string path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  void add(const std::string& piece);

 private:
  void keep_for_later();

  std::string path_;
  FileDescriptor file_;
  std::string pending_;
  bool failing_ = false;
};

}  // namespace mosaic
