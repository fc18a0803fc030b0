#include "preprocess/prepare_containers.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "preprocess/file_digest.h"
#include "preprocess/in_order.h"
#include "preprocess/mds_folder.h"
#include "preprocess/parquet_folder.h"
#include "preprocess/progress_line.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

fs::file_time_type time_of(const std::string& path) {
  std::error_code failure;
  const auto time = fs::last_write_time(path, failure);
  if (failure) throw Error(str(path, ": cannot open: ", failure.message()));
  return time;
}

/// Whether a run before has unpacked it, all of it, as it is now: what is unpacked has the time of its container, which a copy that keeps
/// times may set back. Where a file system rounds times, it is unpacked again.
bool is_unpacked(const Container& container, const std::string& to) {
  std::error_code failure;
  const auto bytes = fs::file_size(to, failure);
  if (failure || bytes != static_cast<std::uintmax_t>(container.unpacked_bytes)) return false;
  const auto time = fs::last_write_time(to, failure);
  return !failure && time == time_of(container.path);
}

void unpack_parquet(const Container& container, const std::string& to) {
  PartialFile partial(to);
  {
    const FileDescriptor file = open_to_write(partial.temporary());
    std::int64_t written = 0;
    read_parquet_images(container.path, [&](std::span<const std::byte> image) {
      write_all(file, image, partial.temporary());
      written += static_cast<std::int64_t>(image.size());
    });
    if (written != container.unpacked_bytes)
      throw Error(str(container.path, ": holds ", written, " bytes of images, expected ", container.unpacked_bytes,
                      " as when it was listed: let nothing change it, and pack again"));
    sync(file, partial.temporary());
  }
  partial.commit();
}

void unpack_zstd(const Container& container, const std::string& to) {
  const auto bytes = read_zstd(container.path, static_cast<std::size_t>(container.unpacked_bytes));
  if (!container.unpacked_digest.empty())
    check_digest(container.unpacked_digest, bytes, container.path + ", decompressed");
  write_file_atomically(to, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void prepare(const Container& container, const std::string& to) {
  const auto time = time_of(container.path);  // first: what changes it from now on gives it another
  if (!container.digest.empty()) check_file_digest(container.digest, container.path);
  if (container.unpacked_bytes < 0) return;
  is_parquet(container.path) ? unpack_parquet(container, to) : unpack_zstd(container, to);
  std::error_code failure;
  fs::last_write_time(to, time, failure);
  if (failure) throw Error(str(to, ": cannot set its time: ", failure.message()));
}

}  // namespace

void prepare_containers(const SourceList& list, const std::string& split, const std::string& folder, int threads) {
  std::vector<std::size_t> work;
  std::int64_t compressed = 0;
  for (std::size_t i = 0; i < list.containers.size(); ++i) {
    const Container& container = list.containers[i];
    const bool unpack = container.unpacked_bytes >= 0;
    if (unpack ? is_unpacked(container, unpacked_path(folder, list, i)) : container.digest.empty()) continue;
    work.push_back(i);
    compressed += unpack;
  }
  if (work.empty()) return;
  if (compressed > 0) {
    log_info(str(list.path, ": decompressing ", compressed, compressed == 1 ? " file to " : " files to ", folder,
                 ", removed at the end"));
    std::error_code failure;
    if (!fs::create_directories(folder, failure) && failure)
      throw Error(str(folder, ": cannot create the folder: ", failure.message()));
  }
  const auto total = static_cast<std::int64_t>(work.size());
  ProgressLine progress(split + (compressed > 0 ? ": decompressed" : ": compared with digests"), total);
  const auto prepare_one = [&](std::int64_t i) {
    const std::size_t at = work[static_cast<std::size_t>(i)];
    prepare(list.containers[at], unpacked_path(folder, list, at));
    return true;
  };
  in_order<bool>(0, total, threads, prepare_one, [&](std::int64_t i, bool&&) { progress.update(i + 1); });
}

}  // namespace mosaic
