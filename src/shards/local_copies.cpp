#include "shards/local_copies.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{8} << 20;  // bytes of one read
constexpr std::chrono::seconds kLook{2};              // for copies of other processes
constexpr std::size_t kDigits = 16;                   // of the fingerprint
constexpr int kNice = 10;                             // reading and decoding come first

/// Thrown to leave a copy where the owner goes.
struct Stopped {};

std::string gigabytes(std::uint64_t bytes) {
  return str(static_cast<double>((bytes + 50'000'000) / 100'000'000) / 10, " GB");
}

}  // namespace

struct LocalCopies::State {
  std::shared_ptr<const ShardSet> shards;
  LocalCopiesOptions options;
  std::string folder;                                                  // of this set
  std::vector<bool> taken = std::vector<bool>(shards->shard_count());  // by this process
  std::atomic<int> in_use = 0;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::atomic<bool> stopping = false;
  bool finished = false;
  std::thread thread;

  State(std::shared_ptr<const ShardSet> s, LocalCopiesOptions o)
      : shards(std::move(s)),
        options(std::move(o)),
        folder(options.folder + "/" + shards->fingerprint().substr(0, kDigits)) {}

  std::string copy_of(int shard) const {
    return folder + "/" + fs::path(shards->shard_path(shard)).filename().string();
  }

  /// All that the thread does.
  void run() {
    ::setpriority(PRIO_PROCESS, 0, kNice);  // of this thread, on Linux
    try {
      fs::create_directories(folder);
      work();
    } catch (const Stopped&) {
    } catch (const std::exception& e) {
      log_warning(str("copies of ", shards->split(), " in ", options.folder, ": ", e.what(),
                      "; the shards without one are read where they are"));
    }
    {
      const std::lock_guard lock(mutex);
      finished = true;
    }
    changed.notify_all();
  }

  void work() {
    const std::string lock_path = folder + "/lock";
    const FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (lock.get() < 0) throw_system_error(lock_path, "open");
    take_what_is_there();
    while (in_use < shards->shard_count()) {
      if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
        take_what_is_there();  // the last holder's
        copy_all();
        return;
      }
      if (errno != EWOULDBLOCK) throw_system_error(lock_path, "lock");
      std::unique_lock guard(mutex);
      if (changed.wait_for(guard, kLook, [&] { return stopping.load(); })) return;
      guard.unlock();
      take_what_is_there();
    }
  }

  void take_what_is_there() {
    for (int shard = 0; shard < shards->shard_count(); ++shard) {
      std::error_code none;
      const auto size = fs::file_size(copy_of(shard), none);
      if (!none && !taken[shard] && size == fs::file_size(shards->shard_path(shard))) take(shard);
    }
  }

  void take(int shard) {
    shards->read_from_copy(shard, copy_of(shard));
    taken[shard] = true;
    ++in_use;
  }

  /// With the lock of the folder.
  void copy_all() {
    remove_parts();
    std::uint64_t used = 0;
    for (int shard = 0; shard < shards->shard_count(); ++shard)
      if (taken[shard]) used += fs::file_size(copy_of(shard));
    for (int shard = 0; shard < shards->shard_count(); ++shard) {
      if (taken[shard]) continue;
      const std::uint64_t size = fs::file_size(shards->shard_path(shard));
      const std::uint64_t room = room_on_disk(folder),
                          allowed = options.limit ? *options.limit - std::min(used, *options.limit) : room;
      if (size > std::min(room, allowed)) {
        log_info(str("copies of ", shards->split(), " in ", options.folder, ": ", in_use.load(), " of ",
                     shards->shard_count(), " shards, ", gigabytes(used), "; for the next one there is no room",
                     allowed < room ? " in local_limit" : " on the disk"));
        return;
      }
      copy(shard);
      used += size;
    }
    log_info(str("copies of ", shards->split(), " in ", options.folder, ": all ", shards->shard_count(), " shards, ",
                 gigabytes(used)));
  }

  /// Those of a process that was killed.
  void remove_parts() const {
    std::vector<fs::path> parts;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".partial" && entry.path().filename().string().starts_with(shards->split() + "-"))
        parts.push_back(entry.path());
    for (const auto& part : parts) fs::remove(part);
  }

  void copy(int shard) {
    const std::string& from = shards->shard_path(shard);
    PartialFile part(copy_of(shard));
    {
      const FileDescriptor in = open_to_read(from), out = open_to_write(part.temporary());
      std::vector<std::byte> piece(kPiece);
      while (true) {
        if (stopping) throw Stopped();
        ssize_t got = 0;
        with_retries("copying", from, [&] {
          do got = ::read(in.get(), piece.data(), piece.size());
          while (got < 0 && errno == EINTR);
          if (got < 0) throw_system_error(from, "read");
        });
        if (got == 0) break;
        write_all(out, std::span(piece).first(static_cast<std::size_t>(got)), part.temporary());
      }
      sync(out, part.temporary());
      ::posix_fadvise(out.get(), 0, 0, POSIX_FADV_DONTNEED);  // what is compared is what the disk has
    }
    if (fs::file_size(part.temporary()) != fs::file_size(from))
      throw Error(str(from, ": its size changed while it was copied"));
    shards->check_copy(shard, part.temporary(), stopping);
    if (stopping) throw Stopped();
    part.commit();
    take(shard);
  }
};

LocalCopies::LocalCopies(std::shared_ptr<const ShardSet> shards, LocalCopiesOptions options)
    : state_(std::make_unique<State>(std::move(shards), std::move(options))) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

LocalCopies::~LocalCopies() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

int LocalCopies::in_use() const { return state_->in_use; }

void LocalCopies::wait() const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->finished; });
}

}  // namespace mosaic
