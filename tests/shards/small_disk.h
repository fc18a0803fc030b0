#pragma once

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/error.h"
#include "support.h"

namespace mosaic::test {

/// A file system of a few bytes, to be filled. Only root can mount one, and not in every container: see `mounted`.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t bytes) {
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, str("size=", bytes).c_str()) == 0;
    if (!mounted_) say_skipped(str("cannot mount a small file system to fill: ", std::strerror(errno)));
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }  // if not, it has said that the test is skipped
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  bool mounted_ = false;
};

}  // namespace mosaic::test
