#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "remote/http_get.h"
#include "shards/arrivals.h"

namespace mosaic {

/// A folder of a node in which the shards of one split stand with all but their images, which come and go: files of the shards' names and
/// sizes, sparse where something is missing. Made by `make_shard_cache`.
///
///   train-00017.h5      the shard
///   train-00017.whole   an empty file: all images of it are there, are on the disk and have their checksums
///   index               a line for each shard: its size, and the tag that the server had given it
///   state-BOOT          memory that all processes share which use the folder: which shards are whole now, which are waited for. Of no use
///                       after the machine was started again
///   stale               an empty file: the server has another version of a shard by now; a new start makes another folder
///   error               why images will not come, and the exit code that this makes
///   lock                whoever holds it fetches
class ShardCache final : public Arrivals {
 public:
  /// @throws Error if `folder` is not complete
  ShardCache(std::string folder, std::string split);
  ~ShardCache() override;
  ShardCache(const ShardCache&) = delete;
  ShardCache& operator=(const ShardCache&) = delete;

  int shards() const { return static_cast<int>(versions_.size()); }
  const ObjectVersion& version(int shard) const { return versions_[static_cast<std::size_t>(shard)]; }
  const std::string& folder() const { return folder_; }
  std::string path(int shard) const;

  /// Also throws once `stop_waiting` was called.
  std::uint64_t wait_for(int shard) override;
  bool is_here(int shard) const override;
  bool has_stayed(int shard, std::uint64_t ticket) const override;

  /// Whoever waits, or comes to wait, gets an Error from now on, in this process. The first call counts.
  void stop_waiting(const std::string& why, ExitCode exit_code);
  /// Whether somebody waits for a shard, in any process.
  bool is_waited_for(int shard) const;

  // For whoever holds the lock:

  /// All images of the file are there and have been checked: they are put on the disk, then all processes are told.
  void mark_whole(int shard);
  /// Gives the disk space of the images back. Those who read them meanwhile are told.
  /// @param begin, end  of the images in the file, bytes
  void take_away(int shard, std::uint64_t begin, std::uint64_t end);
  /// Has all who wait, in any process, throw an Error with this sentence.
  void fail(const std::string& sentence, ExitCode exit_code);

 private:
  struct Memory;
  void throw_if_failed() const;
  std::string mark_of(int shard) const;

  std::string folder_, split_;
  std::vector<ObjectVersion> versions_;
  Memory* memory_ = nullptr;  // mapped
  std::size_t memory_bytes_ = 0;
  std::uint64_t failures_before_ = 0;
  std::mutex stop_mutex_;
  std::string why_;  // with the code, written before `stopping_`
  ExitCode why_code_ = kExitCrash;
  std::atomic<bool> stopping_ = false;
};

/// Opens the lock file of a cache; nobody holds it yet.
FileDescriptor open_cache_lock(const std::string& folder);
/// @return whether this process now holds it, until the descriptor is closed
bool take_cache_lock(const FileDescriptor& lock, const std::string& folder);

/// For those who make a cache: the file `index`, and the shared memory with the shards that are marked.
/// The server has another version of a shard than `folder`: it is of no use to a new start.
void mark_cache_stale(const std::string& folder);
bool is_stale_cache(const std::string& folder);
bool is_cache_ready(const std::string& folder);
bool has_cache_index(const std::string& folder);
void write_cache_index(const std::string& folder, const std::vector<ObjectVersion>& versions);
void make_cache_memory(const std::string& folder, const std::string& split);

}  // namespace mosaic
