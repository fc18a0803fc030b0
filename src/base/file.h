#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mosaic {

/// An open file descriptor, closed at the end of its life. A writer calls `sync` before, and so learns of failures.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  int get() const { return fd_; }
  /// The caller closes it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// @throws Error "PATH: cannot open: No such file or directory"
FileDescriptor open_to_read(const std::string& path);
/// Created, or emptied if it is there.
FileDescriptor open_to_write(const std::string& path);

/// All of `bytes`, however many system calls that takes.
void write_all(const FileDescriptor& file, std::span<const std::byte> bytes, const std::string& path);
/// fsync: what was written survives a power cut.
void sync(const FileDescriptor& file, const std::string& path);
/// fsync of a folder: names created, renamed or removed in it survive.
void sync_folder(const std::string& path);

std::vector<std::byte> read_file(const std::string& path);

/// A file that counts only when it is complete: it is written as "PATH.partial", and `commit` renames it to PATH.
class PartialFile {
 public:
  explicit PartialFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".partial") {}
  ~PartialFile();  // removes what was not committed
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::string& temporary() const { return temporary_; }  // to be created, written and synced by the caller
  /// PATH is the old file or the new one, never half of one, also after a power cut.
  void commit();
  /// The same, but a power cut may undo it or leave an empty file.
  void commit_unsynced();

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

/// Written under a temporary name beside it, synced, renamed: `path` is the old file or the new one, never half of one.
void write_file_atomically(const std::string& path, std::string_view contents);

/// The same, but not synced, for what is written often and worth little after a power cut: whoever reads it sees the old file or the new one.
void replace_file(const std::string& path, std::string_view contents);

/// What the operating system refused.
class SystemError : public Error {
 public:
  SystemError(const std::string& message, int code) : Error(message), code_(code) {}
  int code() const { return code_; }  // an errno

 private:
  int code_;
};

/// "PATH: cannot ACTION: reason of errno"
[[noreturn]] void throw_system_error(const std::string& path, const std::string& action);

/// True for what may pass by itself on a shared file system: EIO, ESTALE, ETIMEDOUT and the like; not for a full disk or a missing file.
bool is_transient(int code);

/// What `with_retries` does after a failure. @return false: do not try again
bool pause_before_retry(const char* verb, const std::string& what, const SystemError& failure, int earlier_failures);

/// Run `action`; where it throws a SystemError that is transient, warn, and run it again after a pause of 0.2, then 1, then 3 seconds.
/// What the last try throws goes on. Allocates nothing if all is well.
/// @param verb, what  for the warning: "reading", "/scratch/train-00017.h5"
template <class Action>
void with_retries(const char* verb, const std::string& what, Action action) {
  for (int failures = 0;; ++failures) {
    try {
      return action();
    } catch (const SystemError& e) {
      if (!pause_before_retry(verb, what, e, failures)) throw;
    }
  }
}
}  // namespace mosaic
