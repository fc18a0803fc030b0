#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/log.h"

namespace mosaic {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void throw_system_error(const std::string& path, const std::string& action) {
  const int code = errno;
  throw SystemError(str(path, ": cannot ", action, ": ", std::strerror(code)), code);
}

bool is_transient(int code) {
  constexpr int kCodes[] = {EIO, EAGAIN, ESTALE, ETIMEDOUT, EREMOTEIO, ENOLINK, ECOMM, EHOSTDOWN, ENOTCONN};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

bool pause_before_retry(const char* verb, const std::string& what, const SystemError& failure, int earlier_failures) {
  constexpr std::chrono::milliseconds kPauses[] = {std::chrono::milliseconds(200), std::chrono::seconds(1),
                                                   std::chrono::seconds(3)};
  if (!is_transient(failure.code()) || earlier_failures >= static_cast<int>(std::size(kPauses))) return false;
  log_warning(str(verb, ' ', what, " failed and is tried again: ", failure.what()));
  std::this_thread::sleep_for(kPauses[earlier_failures]);
  return true;
}

FileDescriptor open_to_read(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_system_error(path, "open");
  return file;
}

FileDescriptor open_to_write(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0) throw_system_error(path, "create");
  return file;
}

void write_all(const FileDescriptor& file, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_system_error(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void sync(const FileDescriptor& file, const std::string& path) {
  if (::fsync(file.get()) != 0) throw_system_error(path, "sync");
}

void sync_folder(const std::string& path) {
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) throw_system_error(path, "open");
  // Some parallel file systems cannot sync a folder and say EINVAL; renames are durable there by other means.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) throw_system_error(path, "sync");
}

std::vector<std::byte> read_file(const std::string& path) {
  const FileDescriptor file = open_to_read(path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_system_error(path, "read");
  if (S_ISDIR(info.st_mode)) throw Error(str(path, ": cannot read: it is a folder"));
  std::vector<std::byte> contents(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (true) {
    if (done == contents.size())
      contents.resize(done + 4096);  // one more read tells the end, or that the file has grown
    const ssize_t got = ::read(file.get(), contents.data() + done, contents.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error(path, "read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  contents.resize(done);
  return contents;
}

PartialFile::~PartialFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void PartialFile::commit_unsynced() {
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) throw_system_error(path_, "rename its temporary file to it");
  committed_ = true;
}

void PartialFile::commit() {
  commit_unsynced();
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  sync_folder(folder.empty() ? "." : folder.string());
}

void write_file_atomically(const std::string& path, std::string_view contents) {
  PartialFile partial(path);
  {
    const FileDescriptor file = open_to_write(partial.temporary());
    write_all(file, std::as_bytes(std::span(contents)), partial.temporary());
    sync(file, partial.temporary());
  }
  partial.commit();
}

void replace_file(const std::string& path, std::string_view contents) {
  PartialFile partial(path);
  write_all(open_to_write(partial.temporary()), std::as_bytes(std::span(contents)), partial.temporary());
  partial.commit_unsynced();
}

}  // namespace mosaic
