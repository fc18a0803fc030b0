#include "preprocess/pack_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/log.h"

namespace mosaic {
namespace {

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown host";
}

std::string read_line(const FileDescriptor& file) {
  char text[512];
  const ssize_t got = ::pread(file.get(), text, sizeof text, 0);
  return {text, static_cast<std::size_t>(got > 0 ? got : 0)};
}

/// Whether the name still leads to the open file: its last holder may have removed it since it was opened.
bool is_at(const FileDescriptor& file, const std::string& path) {
  struct stat open {
  }, named{};
  return ::fstat(file.get(), &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

}  // namespace

PackLock::PackLock(const std::string& folder) : path_(folder + "/pack.lock") {
  do {
    file_ = FileDescriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file_.get() < 0) throw_system_error(path_, "create");
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) continue;
    if (errno == EWOULDBLOCK)
      throw Error(str(folder, ": another `preprocess pack` is packing into this folder (", read_line(file_),
                      "): wait for its end, or take another folder"));
    log_warning(str(folder, ": this file system has no locks (", std::strerror(errno),
                    "): make sure yourself that nobody else packs into this folder"));
    break;
  } while (!is_at(file_, path_));
  const std::string holder = str("process ", ::getpid(), " on ", host_name());
  if (::ftruncate(file_.get(), 0) != 0) throw_system_error(path_, "write");
  write_all(file_, std::as_bytes(std::span(holder)), path_);
}

PackLock::~PackLock() { ::unlink(path_.c_str()); }  // while it is held: what another opens next is a file of its own

}  // namespace mosaic
