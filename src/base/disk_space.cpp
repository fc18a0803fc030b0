#include "base/disk_space.h"

#include <sys/statvfs.h>

#include "base/file.h"

namespace mosaic {
namespace {

constexpr std::uint64_t kLeftFree = 20;  // one share in so many of the disk

}  // namespace

std::uint64_t room_on_disk(const std::string& folder) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) throw_system_error(folder, "ask for the free space");
  const std::uint64_t free = disk.f_bavail * disk.f_frsize, kept = disk.f_blocks * disk.f_frsize / kLeftFree;
  return free > kept ? free - kept : 0;
}

}  // namespace mosaic
