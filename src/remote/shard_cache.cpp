#include "remote/shard_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/text.h"
#include "shards/format.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kFirstPause{2}, kLongestPause{50};  // between two looks
constexpr std::int64_t kAskedFor = 5'000'000'000;  // nanoseconds that a wait counts after its last look

std::int64_t now() {  // of the clock that all processes of a node share
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string text_of(const std::string& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string memory_path(const std::string& folder) {
  return str(folder, "/state-", text_of("/proc/sys/kernel/random/boot_id").substr(0, 8));
}

std::string mark_path(const std::string& folder, const std::string& split, int shard) {
  return folder + "/" + fs::path(shard_file_name(split, shard)).stem().string() + ".whole";
}

std::vector<ObjectVersion> read_index(const std::string& folder) {
  std::vector<ObjectVersion> versions;
  for (const std::string& line : lines_of(text_of(folder + "/index"))) {
    const auto blank = std::min(line.find(' '), line.size());
    ObjectVersion version{.size = 0, .tag = line.substr(std::min(blank + 1, line.size()))};
    std::from_chars(line.data(), line.data() + blank, version.size);
    versions.push_back(std::move(version));
  }
  return versions;
}

/// The shared memory as a file: of each shard `presence` and `asked`, behind two words for all.
std::vector<std::uint64_t> memory_words(const std::string& folder, const std::string& split, std::size_t shards) {
  std::vector<std::uint64_t> words(2 + 2 * shards);
  for (std::size_t shard = 0; shard < shards; ++shard)
    words[2 + 2 * shard] = fs::exists(mark_path(folder, split, static_cast<int>(shard))) ? 1 : 0;
  return words;
}

}  // namespace

/// Zeros at first. Atomic numbers that need no lock of the library work between processes, too.
struct ShardCache::Memory {
  struct Shard {
    std::atomic<std::uint64_t> presence;  // odd: whole. Counts how often that has changed
    std::atomic<std::int64_t> asked;      // when somebody who waits has looked last
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(Shard) == 2 * sizeof(std::uint64_t));

  std::atomic<std::uint64_t> failures, unused;

  Shard& shard(int i) { return reinterpret_cast<Shard*>(this + 1)[i]; }
};

ShardCache::ShardCache(std::string folder, std::string split)
    : folder_(std::move(folder)), split_(std::move(split)), versions_(read_index(folder_)) {
  memory_bytes_ = sizeof(Memory) + versions_.size() * sizeof(Memory::Shard);
  const std::string path = memory_path(folder_);
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) throw_system_error(path, "open");
  if (static_cast<std::size_t>(info.st_size) != memory_bytes_)
    throw Error(str(path, ": got ", info.st_size, " bytes, expected ", memory_bytes_, ": remove ", folder_));
  void* mapped = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) throw_system_error(path, "map");
  memory_ = static_cast<Memory*>(mapped);
  failures_before_ = memory_->failures;
}

ShardCache::~ShardCache() { ::munmap(memory_, memory_bytes_); }

std::string ShardCache::path(int shard) const { return folder_ + "/" + shard_file_name(split_, shard); }
std::string ShardCache::mark_of(int shard) const { return mark_path(folder_, split_, shard); }

void ShardCache::throw_if_failed() const {
  if (memory_->failures == failures_before_) return;
  const std::string text = text_of(folder_ + "/error");
  throw NotArrived(text.substr(text.find(' ') + 1), text.starts_with("1 ") ? kExitCrash : kExitBadInput);
}

std::uint64_t ShardCache::wait_for(int shard) {
  Memory::Shard& slot = memory_->shard(shard);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    if (const std::uint64_t presence = slot.presence.load(std::memory_order_acquire); presence % 2 == 1) {
      if (pause > kFirstPause) slot.asked.store(0, std::memory_order_relaxed);  // it may make room for others again
      return presence;
    }
    throw_if_failed();
    if (stopping_) throw NotArrived(str(path(shard), ": ", why_), why_code_);
    slot.asked.store(now(), std::memory_order_relaxed);
    std::this_thread::sleep_for(pause);
  }
}

void ShardCache::stop_waiting(const std::string& why, ExitCode exit_code) {
  const std::lock_guard lock(stop_mutex_);
  if (stopping_) return;
  why_ = why;
  why_code_ = exit_code;
  stopping_ = true;
}

bool ShardCache::is_here(int shard) const {
  return memory_->shard(shard).presence.load(std::memory_order_acquire) % 2 == 1;
}

bool ShardCache::has_stayed(int shard, std::uint64_t ticket) const {
  std::atomic_thread_fence(std::memory_order_acquire);  // what was read before this was read before the look
  return memory_->shard(shard).presence.load(std::memory_order_relaxed) == ticket;
}

bool ShardCache::is_waited_for(int shard) const {
  const std::int64_t asked = memory_->shard(shard).asked.load(std::memory_order_relaxed);
  return asked != 0 && now() - asked < kAskedFor;
}

void ShardCache::mark_whole(int shard) {
  sync(open_to_read(path(shard)), path(shard));
  sync(open_to_write(mark_of(shard)), mark_of(shard));
  sync_folder(folder_);
  if (!is_here(shard)) memory_->shard(shard).presence.fetch_add(1);
}

void ShardCache::take_away(int shard, std::uint64_t begin, std::uint64_t end) {
  if (is_here(shard)) memory_->shard(shard).presence.fetch_add(1);
  fs::remove(mark_of(shard));
  sync_folder(folder_);  // a mark never outlives the images
  const FileDescriptor file(::open(path(shard).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) throw_system_error(path(shard), "open");
  if (::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                  static_cast<off_t>(end - begin)) != 0)
    throw_system_error(path(shard), "give disk space back (local_limit needs ext4, XFS, Btrfs or tmpfs)");
}

void ShardCache::fail(const std::string& sentence, ExitCode exit_code) {
  write_file_atomically(folder_ + "/error", str(static_cast<int>(exit_code), ' ', sentence));
  memory_->failures.fetch_add(1);
}

FileDescriptor open_cache_lock(const std::string& folder) {
  const std::string path = folder + "/lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (lock.get() < 0) throw_system_error(path, "open");
  return lock;
}

bool take_cache_lock(const FileDescriptor& lock, const std::string& folder) {
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) throw_system_error(folder + "/lock", "lock");
  return false;
}

void mark_cache_stale(const std::string& folder) { sync(open_to_write(folder + "/stale"), folder + "/stale"); }
bool is_stale_cache(const std::string& folder) { return fs::exists(folder + "/stale"); }
bool has_cache_index(const std::string& folder) { return fs::exists(folder + "/index"); }
bool is_cache_ready(const std::string& folder) { return has_cache_index(folder) && fs::exists(memory_path(folder)); }

void write_cache_index(const std::string& folder, const std::vector<ObjectVersion>& versions) {
  std::string lines;
  for (const ObjectVersion& version : versions) lines += str(version.size, ' ', version.tag, '\n');
  write_file_atomically(folder + "/index", lines);
}

void make_cache_memory(const std::string& folder, const std::string& split) {
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("state-")) old.push_back(entry.path());
  for (const auto& path : old) fs::remove(path);
  const std::vector<std::uint64_t> words = memory_words(folder, split, read_index(folder).size());
  replace_file(memory_path(folder), {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(words[0])});
}

}  // namespace mosaic
