#include "remote/make_shard_cache.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "remote/file_part.h"
#include "remote/shard_cache.h"
#include "shards/format.h"
#include "shards/shard_tables.h"

namespace mosaic {
namespace {

constexpr std::uint64_t kFirstBytes = std::uint64_t{1} << 20;  // hold the tables of most shards
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;  // of a file's begin in which its structure is looked for
constexpr std::uint64_t kLastBytes = std::uint64_t{16}
                                     << 10;  // of its end, for files that other programs have rewritten
constexpr std::size_t kDigits = 16;          // of the hash in a folder's name
constexpr std::chrono::milliseconds kLook{50};
constexpr std::array<unsigned char, 8> kHdf5Signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

const std::atomic<bool> kGoOn = false;  // a start is not stopped: the whole job is

/// Fetches all of one shard but its images.
class TableFetch {
 public:
  TableFetch(HttpGet& http, std::string name, std::string path)
      : http_(http), name_(std::move(name)), path_(std::move(path)), file_(open_to_write(path_)) {}

  /// @return what the shard is on the server
  ObjectVersion run() {
    get(0, kFirstBytes);
    if (::ftruncate(file_.get(), static_cast<off_t>(version_.size)) != 0) throw_system_error(path_, "write");
    check_signature();
    std::uint64_t begin = std::min(kFirstBytes, version_.size), end = version_.size;  // of what is not there yet
    ShardOutline outline = find_outline(begin, end);
    if (outline.pool_offset > begin) get(begin, outline.pool_offset);
    if (const auto pool_end = outline.pool_offset + outline.pool_size; pool_end < end) get(pool_end, end);
    outline_ = read_shard_outline(path_);  // with no zeros where something is missing
    sync(file_, path_);
    return version_;
  }
  const ShardOutline& outline() const { return outline_; }

 private:
  void get(std::uint64_t begin, std::uint64_t end) {
    FilePart part(file_, path_, begin);
    const bool first = version_.size == 0;
    version_ = http_.read(name_, begin, end, part.sink(), first ? nullptr : &version_, kGoOn);
  }

  void check_signature() const {
    std::array<unsigned char, kHdf5Signature.size()> found{};
    const FileDescriptor file = open_to_read(path_);
    if (::pread(file.get(), found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()) &&
        found == kHdf5Signature)
      return;
    throw Error(str(http_.location().text, '/', name_, ": not a shard: got something that is no HDF5 file"));
  }

  /// Fetches more until HDF5 finds its way: [begin, end) is what is not there yet.
  ShardOutline find_outline(std::uint64_t& begin, std::uint64_t& end) {
    while (true) {
      try {
        return read_shard_outline(path_);
      } catch (const Error& e) {
        if (begin >= std::min(end, kMostBytes)) throw Error(str(http_.location().text, '/', name_, ": ", e.what()));
      }
      if (end == version_.size && end - begin > kLastBytes) {
        get(end - kLastBytes, end);
        end -= kLastBytes;
        continue;
      }
      const std::uint64_t next = std::min(begin * 2, end);
      get(begin, next);
      begin = next;
    }
  }

  HttpGet& http_;
  std::string name_, path_;
  FileDescriptor file_;
  ObjectVersion version_;
  ShardOutline outline_;
};

/// Of all shards. Threads take one after the other.
class IndexFetch {
 public:
  IndexFetch(const Location& location, const std::string& split, const std::string& folder,
             const HttpPatience& patience)
      : location_(location), split_(split), folder_(folder), patience_(patience) {}

  std::vector<ObjectVersion> run() {
    HttpGet http(location_, patience_);
    TableFetch first(http, shard_file_name(split_, 0), path(0));
    const ObjectVersion version = first.run();
    versions_.resize(first.outline().shards);
    versions_[0] = version;
    std::vector<std::thread> threads;
    for (int i = 0; i < std::min(kRemoteConnections, static_cast<int>(versions_.size()) - 1); ++i)
      threads.emplace_back([this] { work(); });
    for (auto& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(versions_);
  }

 private:
  std::string path(int shard) const { return folder_ + "/" + shard_file_name(split_, shard); }

  void work() try {
    HttpGet http(location_, patience_);
    for (std::size_t shard = ++taken_; shard < versions_.size(); shard = ++taken_)
      versions_[shard] =
          TableFetch(http, shard_file_name(split_, static_cast<int>(shard)), path(static_cast<int>(shard))).run();
  } catch (...) {
    taken_ = versions_.size();  // the others end, too
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }

  const Location& location_;
  const std::string &split_, &folder_;
  const HttpPatience& patience_;
  std::vector<ObjectVersion> versions_;
  std::atomic<std::size_t> taken_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

/// Several nodes in one folder would take each other's shared memory and images away.
/// @throws Error
void check_that_the_disk_is_this_nodes(const std::string& folder) {
  struct statfs disk {};
  if (::statfs(folder.c_str(), &disk) != 0) throw_system_error(folder, "look at");
  // NFS, Lustre, GPFS, BeeGFS, CIFS, SMB2, Ceph: statfs(2), and the file systems' own headers.
  constexpr std::uint32_t kShared[] = {0x6969, 0x0BD00BD0, 0x47504653, 0x19830326, 0xFF534D42, 0xFE534D42, 0x00C36400};
  if (std::find(std::begin(kShared), std::end(kShared), static_cast<std::uint32_t>(disk.f_type)) != std::end(kShared))
    throw Error(str("local: ", folder, " is on a file system that several nodes share: expected a disk of this node"));
}

/// What the server has of shard 0.
ObjectVersion ask_for_first_shard(const Location& location, const std::string& split, const HttpPatience& patience) {
  HttpGet http(location, patience);
  return http.read(
      shard_file_name(split, 0), 0, 1, [](std::span<const std::byte>) {}, nullptr, kGoOn);
}

}  // namespace

std::string make_shard_cache(const Location& location, const std::string& split, const std::string& local,
                             const HttpPatience& patience) {
  const ObjectVersion first = ask_for_first_shard(location, split, patience);
  Sha256 name;
  name.add(str(location.text, '\n', first.size, '\n', first.tag));
  const std::string base = str(local, '/', split, '-', name.hex().substr(0, kDigits));
  std::string folder = base;
  for (int i = 1; is_stale_cache(folder); ++i) folder = str(base, '-', i);
  std::filesystem::create_directories(folder);
  check_that_the_disk_is_this_nodes(local);
  const FileDescriptor lock = open_cache_lock(folder);
  while (!is_cache_ready(folder)) {
    if (!take_cache_lock(lock, folder)) {
      std::this_thread::sleep_for(kLook);
      continue;
    }
    if (is_cache_ready(folder)) break;  // made between the look and the lock
    if (!has_cache_index(folder)) {
      const auto start = std::chrono::steady_clock::now();
      const auto versions = IndexFetch(location, split, folder, patience).run();
      write_cache_index(folder, versions);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      log_info(str(location.text, ": ", versions.size(), " shards (", split, "); all but their images fetched in ",
                   decimals(seconds.count(), 1), " s, into ", folder));
    }
    make_cache_memory(folder, split);
    break;
  }
  return folder;
}

}  // namespace mosaic
