#include "shards/shard_set.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <span>
#include <utility>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "shards/format.h"
#include "shards/shard_index.h"

namespace mosaic {
namespace {

/// Read exactly bytes.size() bytes. Returns how many there were: fewer only at the end of the file.
std::size_t read_at(int file, std::uint64_t offset, std::span<std::byte> bytes, const std::string& what) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error(what, "read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

/// A shard that is opened by the first thread that reads from it: a job of many ranks does not open all its shards in all of them at once.
class LazyFile {
 public:
  explicit LazyFile(std::string path) : path_(std::move(path)) {}
  ~LazyFile() {
    if (const int fd = fd_; fd >= 0) ::close(fd);
  }
  LazyFile(const LazyFile&) = delete;
  LazyFile& operator=(const LazyFile&) = delete;

  const std::string& path() const { return path_; }
  /// @throws Error naming the path and the system's reason
  int get() const {
    if (const int fd = fd_.load(std::memory_order_acquire); fd >= 0) return fd;
    const std::lock_guard lock(opening_);
    if (fd_ < 0) fd_.store(open_to_read(path_).release(), std::memory_order_release);
    return fd_;
  }

 private:
  std::string path_;
  mutable std::mutex opening_;
  mutable std::atomic<int> fd_{-1};
};

}  // namespace

struct ShardSet::State {
  std::string folder, split;
  ShardIndex index;
  std::vector<std::unique_ptr<LazyFile>> files = {};
  std::vector<std::atomic<const LazyFile*>> copies =
      std::vector<std::atomic<const LazyFile*>>(index.shards());  // nullptr: none
  std::mutex copies_mutex = {};
  std::vector<std::unique_ptr<LazyFile>> all_copies = {};  // left ones too: a thread may be reading
  std::shared_ptr<Arrivals> arrivals = {};                 // nullptr: all images are there from the start

  struct Place {
    const LazyFile& file;
    std::size_t shard, image, sample;
  };
  Place find(std::int64_t sample) const {
    const std::size_t shard = index.shard_of(sample);
    return {*files[shard], shard, static_cast<std::size_t>(sample) - index.first[shard],
            static_cast<std::size_t>(sample)};
  }

  /// From the shard itself.
  void read_file(const Place& place, std::uint64_t offset, std::span<std::byte> to) const {
    const std::string& path = place.file.path();
    std::size_t got = 0;
    bool again = false;
    with_retries("reading", path, [&] {
      // A handle that has gone stale stays so: a later try opens the file anew, for itself alone.
      got = std::exchange(again, true) ? read_at(open_to_read(path).get(), offset, to, path)
                                       : read_at(place.file.get(), offset, to, path);
    });
    if (got != to.size())
      throw Error(str(path, ": image ", place.image, " (sample ", place.sample, "): got ", got, " bytes, expected ",
                      to.size(), ": truncated since it was opened"));
  }

  /// The same, with images that come and go.
  void read_arrived(const Place& place, std::uint64_t offset, std::span<std::byte> to) const {
    const int shard = static_cast<int>(place.shard);
    std::uint64_t ticket = 0;
    do {
      ticket = arrivals->wait_for(shard);
      read_file(place, offset, to);
    } while (!arrivals->has_stayed(shard, ticket));
  }

  const LazyFile* copy_of(const Place& place) const { return copies[place.shard].load(std::memory_order_acquire); }

  /// @return false if there is no copy, or it is of no use
  bool read_copy(const Place& place, std::uint64_t offset, std::span<std::byte> to) {
    const LazyFile* copy = copy_of(place);
    if (!copy) return false;
    try {
      if (read_at(copy->get(), offset, to, copy->path()) == to.size()) return true;
      leave_copy(place.shard, copy->path() + ": truncated");
    } catch (const SystemError& e) {
      leave_copy(place.shard, e.what());
    }
    return false;
  }

  void leave_copy(std::size_t shard, const std::string& fault) {
    if (copies[shard].exchange(nullptr))
      log_warning(str(fault, ": ", files[shard]->path(), " is read in place of this copy"));
  }
};

ShardSet::ShardSet(const std::string& folder, const std::string& split, NodeMemory& memory)
    : state_(new State{folder, split, ShardIndex(memory.share([&] { return ShardIndex::make(folder, split); }))}) {
  for (std::size_t shard = 0; shard < state_->index.shards(); ++shard)
    state_->files.push_back(std::make_unique<LazyFile>(folder + "/" + shard_file_name(split, static_cast<int>(shard))));
}

ShardSet::ShardSet(const std::string& folder, const std::string& split) : ShardSet(folder, split, *own_memory()) {}

ShardSet::~ShardSet() = default;
ShardSet::ShardSet(ShardSet&&) noexcept = default;
ShardSet& ShardSet::operator=(ShardSet&&) noexcept = default;

void ShardSet::check_that_it_is_here() const {
  shard_numbers(state_->folder, state_->split);  // says so if there is no such folder
  state_->files.front()->get();
}

std::int64_t ShardSet::size() const { return static_cast<std::int64_t>(state_->index.samples()); }
const std::string& ShardSet::split() const { return state_->split; }
const std::vector<std::string>& ShardSet::class_names() const { return state_->index.class_names; }
const std::string& ShardSet::fingerprint() const { return state_->index.fingerprint; }
int ShardSet::max_side() const { return static_cast<int>(state_->index.max_side); }

void ShardSet::check_for_evaluation() const {
  if (max_side() > 0)
    throw Error(str(state_->folder, ": ", split(), ": its images were scaled down to ", max_side(),
                    " pixels while packing (--max-side): that is for training only, since accuracy on them is not what "
                    "others measure: pack the images as they are"));
}

int ShardSet::shard_count() const { return static_cast<int>(state_->files.size()); }
const std::string& ShardSet::shard_path(int shard) const {
  return state_->files.at(static_cast<std::size_t>(shard))->path();
}
std::int64_t ShardSet::shard_size(int shard) const {
  const auto i = static_cast<std::size_t>(shard);
  return static_cast<std::int64_t>(state_->index.first[i + 1] - state_->index.first[i]);
}

std::int64_t ShardSet::first_sample(int shard) const {
  return static_cast<std::int64_t>(state_->index.first[static_cast<std::size_t>(shard)]);
}

std::int32_t ShardSet::label(std::int64_t sample) const {
  return state_->index.labels[static_cast<std::size_t>(sample)];
}
StoredKind ShardSet::kind(std::int64_t sample) const {
  return static_cast<StoredKind>(state_->index.kinds[static_cast<std::size_t>(sample)]);
}
int ShardSet::width(std::int64_t sample) const {
  return static_cast<int>(state_->index.widths[static_cast<std::size_t>(sample)]);
}
int ShardSet::height(std::int64_t sample) const {
  return static_cast<int>(state_->index.heights[static_cast<std::size_t>(sample)]);
}
std::uint64_t ShardSet::stored_bytes(std::int64_t sample) const {
  return state_->index.sizes[static_cast<std::size_t>(sample)];
}

std::string ShardSet::source_name(std::int64_t sample) const {
  const auto place = state_->find(sample);
  const std::uint64_t width = state_->index.names_width[place.shard];
  std::string name(width, '\0');
  const auto bytes = std::as_writable_bytes(std::span(name));
  if (read_at(place.file.get(), state_->index.names_offset[place.shard] + place.image * width, bytes,
              place.file.path()) != bytes.size())
    throw Error(str(place.file.path(), ": truncated since it was opened: the name of image ", place.image,
                    " is not there any more"));
  name.erase(name.find_last_not_of('\0') + 1);
  return name;
}

const std::string& ShardSet::path_of(std::int64_t sample) const { return state_->find(sample).file.path(); }

ShardSet::Extent ShardSet::extent_of(std::int64_t sample) const {
  const std::uint64_t begin = state_->index.offsets[static_cast<std::size_t>(sample)];
  return {begin, begin + stored_bytes(sample)};
}

std::string ShardSet::describe(std::int64_t sample) const {
  const auto place = state_->find(sample);
  return str("sample ", sample, " (", shard_file_name(state_->split, static_cast<int>(place.shard)), ", image ",
             place.image, ", ", source_name(sample), ")");
}

StoredImage ShardSet::read(std::int64_t sample, std::vector<std::byte>& buffer) const {
  const auto size = static_cast<std::size_t>(stored_bytes(sample));
  if (buffer.size() < size) buffer.resize(size);
  const auto bytes = std::span(buffer).first(size);
  const auto place = state_->find(sample);
  const LazyFile* const copy = state_->copy_of(place);
  read_part(sample, 0, bytes);
  if (copy && crc32c(bytes) != state_->index.crc32c[place.sample]) {
    state_->leave_copy(place.shard, str(copy->path(), ": wrong checksum of image ", place.image));
    read_part(sample, 0, bytes);
  }
  if (const std::uint32_t sum = crc32c(bytes), expected = state_->index.crc32c[static_cast<std::size_t>(sample)];
      sum != expected)
    throw Error(str(describe(sample), ": CRC-32C: got ", std::hex, sum, ", expected ", expected,
                    ": the bytes in the shard have changed: copy ", path_of(sample), " again, or pack again"));
  return {kind(sample), width(sample), height(sample), bytes};
}

void ShardSet::read_part(std::int64_t sample, std::uint64_t begin, std::span<std::byte> to) const {
  const auto place = state_->find(sample);
  assert(begin <= stored_bytes(sample) && to.size() <= stored_bytes(sample) - begin);
  const std::uint64_t offset = state_->index.offsets[place.sample] + begin;
  if (state_->arrivals)
    state_->read_arrived(place, offset, to);
  else if (!state_->read_copy(place, offset, to))
    state_->read_file(place, offset, to);
}

void ShardSet::read_ahead(std::int64_t sample) const {
  const auto place = state_->find(sample);
  if (state_->arrivals && !state_->arrivals->is_here(static_cast<int>(place.shard))) return;
  const LazyFile* const copy = state_->copy_of(place);
  ::posix_fadvise(copy ? copy->get() : place.file.get(), static_cast<off_t>(state_->index.offsets[place.sample]),
                  static_cast<off_t>(stored_bytes(sample)), POSIX_FADV_WILLNEED);
}

void ShardSet::read_from_copy(int shard, const std::string& path) const {
  const std::lock_guard lock(state_->copies_mutex);
  auto copy = std::make_unique<LazyFile>(path);
  copy->get();  // throws here rather than where it is read
  state_->copies[static_cast<std::size_t>(shard)].store(copy.get(), std::memory_order_release);
  state_->all_copies.push_back(std::move(copy));
}

void ShardSet::wait_for(std::shared_ptr<Arrivals> arrivals) const { state_->arrivals = std::move(arrivals); }

std::int64_t ShardSet::first_wrong_image(int shard, const std::string& path, std::int64_t begin,
                                         const std::atomic<bool>& stop) const {
  const ShardIndex& index = state_->index;
  const FileDescriptor file = open_to_read(path);
  const std::uint64_t first = index.first[static_cast<std::size_t>(shard)];
  std::vector<std::byte> buffer;
  std::int64_t image = begin;
  for (; image < shard_size(shard) && !stop; ++image) {
    const std::size_t sample = first + static_cast<std::uint64_t>(image);
    buffer.resize(index.sizes[sample]);
    if (read_at(file.get(), index.offsets[sample], buffer, path) != buffer.size() ||
        crc32c(buffer) != index.crc32c[sample])
      break;
  }
  return image;
}

void ShardSet::check_copy(int shard, const std::string& path, const std::atomic<bool>& stop) const {
  const std::int64_t image = first_wrong_image(shard, path, 0, stop);
  if (image < shard_size(shard) && !stop)
    throw Error(str(path, ": image ", image, " is not what it is in ", shard_path(shard)));
}

void ShardSet::drop_from_page_cache() const {
  for (const auto& file : state_->files) {
    ::fdatasync(file->get());  // pages that wait to be written are not dropped; a refusal loses nothing
    ::posix_fadvise(file->get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

}  // namespace mosaic
