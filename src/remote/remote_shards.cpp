#include "remote/remote_shards.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "remote/fetch_plan.h"
#include "remote/file_part.h"
#include "remote/make_shard_cache.h"
#include "remote/shard_cache.h"

namespace mosaic {
namespace {

constexpr std::chrono::milliseconds kLook{
    200};  // for shards that somebody waits for, and for the lock of a process that has ended
constexpr std::uint64_t kRounding = 2 * 4096;  // bytes that a file takes beside its own
constexpr int kNice = 10;                      // reading and decoding come first
constexpr int kMostBadTries = 3;               // of an image that does not get its checksum

/// Thrown to leave a shard where the owner goes.
struct Stopped {};

/// Bytes of images that a file holds which is not whole: what it takes on the disk, without what stands before them and rounding.
std::uint64_t images_on_disk(const std::string& path, const ShardSet::Extent& images) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_system_error(path, "look at");
  const std::uint64_t taken = static_cast<std::uint64_t>(info.st_blocks) * 512, others = images.begin + kRounding;
  return std::min(images.end - images.begin, taken > others ? taken - others : 0);
}

std::vector<std::int64_t> first_samples(const ShardSet& shards) {
  std::vector<std::int64_t> first;
  for (int shard = 0; shard < shards.shard_count(); ++shard) first.push_back(shards.first_sample(shard));
  first.push_back(shards.size());
  return first;
}

/// Where the images of a shard lie in its file, from the first one's first byte to the last one's last.
ShardSet::Extent images_of(const ShardSet& shards, int shard) {
  const std::int64_t first = shards.first_sample(shard), last = first + shards.shard_size(shard) - 1;
  return {shards.extent_of(first).begin, shards.extent_of(last).end};
}

}  // namespace

struct RemoteShards::State {
  std::shared_ptr<const ShardSet> shards;
  RemoteShardsOptions options;
  std::shared_ptr<ShardCache> cache;
  FetchPlan plan;
  std::uint64_t total = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> stopping = false;
  std::vector<FetchPlan::Shard> state;  // guarded by `mutex`, and of use to whoever holds the lock of the folder
  bool told_all = false;                // guarded by `mutex`
  std::thread thread;

  State(std::shared_ptr<const ShardSet> s, RemoteShardsOptions o)
      : shards(std::move(s)),
        options(std::move(o)),
        cache(std::make_shared<ShardCache>(options.folder, shards->split())),
        plan(options.order, first_samples(*shards), options.reach),
        state(static_cast<std::size_t>(shards->shard_count())) {
    for (int shard = 0; shard < shards->shard_count(); ++shard) {
      const ShardSet::Extent images = images_of(*shards, shard);
      total += state[shard].bytes = images.end - images.begin;
    }
  }

  void check_limit() {
    look_at_files();
    const std::uint64_t needed = least_limit(*shards, options.order(0), options.reach);
    if (const std::uint64_t limit = limit_now(); limit < needed)
      throw Error(str(options.limit ? "local_limit: got " : "the disk of local has room for ", bytes_text(limit),
                      ", but the images that an epoch needs at the same time take ", bytes_text(needed), " of ",
                      bytes_text(total), ": expected that much at least (", needed,
                      " bytes); train_dataset.shuffle: block with a shuffle_block of a shard's images needs fewer"));
  }

  /// Bytes of images that may be in the folder.
  std::uint64_t limit_now() const {
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < state.size(); ++i) {
      const int shard = static_cast<int>(i);
      // Of one that is being fetched, what has come: the rest is still free.
      held += state[i].in_flight ? images_on_disk(cache->path(shard), images_of(*shards, shard)) : state[i].held;
    }
    const std::uint64_t disk = room_on_disk(options.folder) + held;
    return options.limit ? std::min(*options.limit, disk) : disk;
  }

  /// What of the shards is there already.
  void look_at_files() {
    for (int shard = 0; shard < shards->shard_count(); ++shard) {
      FetchPlan::Shard& s = state[shard];
      s.whole = cache->is_here(shard);
      s.held = s.whole ? s.bytes : images_on_disk(cache->path(shard), images_of(*shards, shard));
    }
  }

  /// All that the first thread does.
  void run() {
    ::setpriority(PRIO_PROCESS, 0, kNice);  // of this thread and those that it starts, on Linux
    try {
      const FileDescriptor lock = open_cache_lock(options.folder);
      while (!take_cache_lock(lock, options.folder)) {
        std::unique_lock guard(mutex);
        if (changed.wait_for(guard, kLook, [&] { return stopping.load(); })) return;
      }
      {
        const std::lock_guard guard(mutex);
        look_at_files();  // the last holder has changed them
      }
      std::vector<std::thread> threads;
      for (int i = 0; i < std::min(kRemoteConnections, shards->shard_count()); ++i)
        threads.emplace_back([this] { work(); });
      for (auto& one : threads) one.join();
    } catch (const Error& e) {
      tell_failure(e);
    }
  }

  void work() try {
    HttpGet http(options.location, options.patience);
    while (const auto shard = next_shard()) {
      fetch(http, *shard);
      finish(*shard);
    }
  } catch (const Stopped&) {
  } catch (const HttpStopped&) {
  } catch (const ObjectChanged& e) {
    mark_stale();
    tell_failure(e);
  } catch (const AccessRefused& e) {  // another process of the node may be let in: it takes the lock over
    cache->stop_waiting(e.what(), e.exit_code());
    stop_fetching();
  } catch (const Error& e) {
    tell_failure(e);
  } catch (const std::exception& e) {
    tell_failure(Error(e.what(), kExitCrash));
  }

  void mark_stale() try { mark_cache_stale(options.folder); } catch (const Error& of_the_disk) {
    log_warning(str(of_the_disk.what(), ": remove ", options.folder, " before the next start"));
  }

  void tell_failure(const Error& e) try {
    cache->fail(e.what(), e.exit_code());
    stop_fetching();
  } catch (const Error& of_the_disk) {
    log_warning(str(e.what(), "; ", of_the_disk.what()));
    cache->stop_waiting(e.what(), e.exit_code());
    stop_fetching();
  }

  void stop_fetching() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
  }

  /// Waits for something to be fetched, and makes room for it. @return nullopt at the end
  std::optional<int> next_shard() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      for (std::size_t i = 0; i < state.size(); ++i) state[i].waited_for = cache->is_waited_for(static_cast<int>(i));
      const FetchPlan::Choice choice = plan.choose(state, limit_now());
      for (const int victim : choice.evict) evict(victim);
      if (choice.fetch >= 0) {
        state[choice.fetch].in_flight = true;
        return choice.fetch;
      }
      changed.wait_for(lock, kLook, [&] { return stopping.load(); });
    }
    return std::nullopt;
  }

  void evict(int shard) {
    const ShardSet::Extent images = images_of(*shards, shard);
    cache->take_away(shard, images.begin, images.end);
    state[shard].whole = false;
    state[shard].held = 0;
  }

  /// Until every image of it has its checksum. What an earlier process has fetched of it is found by the same comparison.
  void fetch(HttpGet& http, int shard) {
    const std::string path = cache->path(shard), name = std::filesystem::path(path).filename();
    const std::int64_t size = shards->shard_size(shard), first = shards->first_sample(shard);
    const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (file.get() < 0) throw_system_error(path, "open");
    std::int64_t good = shards->first_wrong_image(shard, path, 0, stopping);
    for (int came = 0; good < size;) {
      if (stopping) throw Stopped();
      if (came == kMostBadTries)
        throw Error(
            str(options.location.text, '/', name, ": image ", good, " (sample ", first + good, ") came ", came,
                " times with a wrong checksum: it is damaged on the server, or the way from there: copy it there "
                "again"));
      const std::uint64_t begin = shards->extent_of(first + good).begin;
      FilePart part(file, path, begin);
      http.read(name, begin, images_of(*shards, shard).end, part.sink(), &cache->version(shard), stopping);
      sync(file, path);
      ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);  // what is compared is what the disk has
      const std::int64_t before = std::exchange(good, shards->first_wrong_image(shard, path, good, stopping));
      came = good > before ? 1 : came + 1;
    }
    if (stopping) throw Stopped();
  }

  void finish(int shard) {
    cache->mark_whole(shard);
    const std::lock_guard lock(mutex);
    state[shard].in_flight = false;
    state[shard].whole = true;
    state[shard].held = state[shard].bytes;
    const bool all = std::all_of(state.begin(), state.end(), [](const auto& s) { return s.whole; });
    if (all && !std::exchange(told_all, true))
      log_info(str(options.location.text, ": all ", state.size(), " shards (", shards->split(), ", ", bytes_text(total),
                   ") are in ", options.folder));
    changed.notify_all();
  }
};

RemoteShards::RemoteShards(std::shared_ptr<const ShardSet> shards, RemoteShardsOptions options)
    : state_(std::make_unique<State>(std::move(shards), std::move(options))) {
  state_->check_limit();
  state_->shards->wait_for(state_->cache);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

RemoteShards::~RemoteShards() {
  stop();
  if (state_->thread.joinable()) state_->thread.join();
}

void RemoteShards::at(std::int64_t epoch, std::int64_t place) { state_->plan.at(epoch, place); }

void RemoteShards::stop() {
  state_->cache->stop_waiting("its images are no longer waited for", kExitCrash);
  state_->stop_fetching();
}

bool RemoteShards::is_here(int shard) const { return state_->cache->is_here(shard); }

int RemoteShards::here() const {
  int count = 0;
  for (int shard = 0; shard < state_->cache->shards(); ++shard) count += state_->cache->is_here(shard) ? 1 : 0;
  return count;
}

std::uint64_t RemoteShards::total_bytes() const { return state_->total; }

std::uint64_t least_limit(const ShardSet& shards, const std::vector<std::int64_t>& order, std::int64_t reach) {
  std::vector<std::uint64_t> bytes;
  for (int shard = 0; shard < shards.shard_count(); ++shard) {
    const ShardSet::Extent images = images_of(shards, shard);
    bytes.push_back(images.end - images.begin);
  }
  return working_set(order, first_samples(shards), bytes, 2 * reach);
}

}  // namespace mosaic
