#include "preprocess/source_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostOpen = 64;  // of a split in thousands of tars; a process may open 1,024 files as a rule

std::vector<std::byte> read_plain(const std::string& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  // Opening a pipe would wait for ever.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw Error(str(path, ": not a regular file"));
  return read_file(path);
}

}  // namespace

void read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> into, const std::string& path) {
  while (!into.empty()) {
    const ssize_t got = ::pread(file.get(), into.data(), into.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error(path, "read");
    if (got == 0) throw Error(str(path, ": ends at byte ", offset, ", expected ", into.size(), " more"));
    into = into.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
}

FileState state_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_system_error(path, "open");
  if (!S_ISREG(info.st_mode)) throw Error(str(path, ": not a regular file"));
  return {info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

std::string unpacked_path(const std::string& folder, const SourceList& list, std::size_t container) {
  return str(folder, "/", container, "-", std::filesystem::path(list.containers[container].path).stem().string());
}

std::shared_ptr<const FileDescriptor> SourceReader::open(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(path);
  if (found != open_.end()) return found->second;
  if (open_.size() == kMostOpen) open_.clear();  // who reads one holds it
  return open_.emplace(path, std::make_shared<const FileDescriptor>(open_to_read(path))).first->second;
}

std::vector<std::byte> SourceReader::read(const SourceFile& file) const {
  std::vector<std::byte> bytes;
  if (file.container < 0) {
    bytes = read_plain(list_.where(file));
  } else {
    const auto index = static_cast<std::size_t>(file.container);
    const Container& container = list_.containers[index];
    const std::string path = container.unpacked_bytes < 0 ? container.path : unpacked_path(unpacked_, list_, index);
    bytes.resize(static_cast<std::size_t>(file.bytes));
    read_at(*open(path), file.offset, bytes, path);
  }
  if (bytes.empty()) throw Error(str(list_.where(file), ": an empty file"));
  return bytes;
}

}  // namespace mosaic
