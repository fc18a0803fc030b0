#include "shards/shard_set.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "shards/format.h"
#include "shards/shard_tables.h"

namespace mosaic {
namespace {

struct Shard {
  std::string path;
  std::string name;  // for messages: the path without its folder
  FileDescriptor file;
  ShardTables tables;
};

std::string in_five_digits(int shard) {
  const std::string digits = std::to_string(shard);
  return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

[[noreturn]] void throw_no_shards(const std::string& folder, const std::string& split) {
  const auto splits = splits_in(folder);
  throw Error(str(folder, ": no shards of split '", split, "' (", shard_file_name(split, 0), " and on): ",
                  splits.empty()
                      ? "there are no shards of any split: expected the folder that `preprocess pack` has written"
                      : "the splits there are " + listed(splits)));
}

void check_complete(const std::vector<int>& numbers, int shards, const std::string& folder, const std::string& split) {
  std::vector<std::string> missing;
  for (int shard = 0; shard < shards; ++shard)
    if (!std::binary_search(numbers.begin(), numbers.end(), shard)) missing.push_back(in_five_digits(shard));
  if (!missing.empty()) {
    constexpr std::size_t kMostNamed = 10;
    const std::size_t unnamed = missing.size() - std::min(missing.size(), kMostNamed);
    missing.resize(missing.size() - unnamed);
    throw Error(str(folder, ": ", split, ": expected shards 0 to ", shards - 1, ", got all but ", listed(missing),
                    unnamed > 0 ? str(" and ", unnamed, " more") : "", ": copy the missing files, or pack again"));
  }
  if (numbers.back() >= shards)
    throw Error(str(folder, "/", shard_file_name(split, numbers.back()), ": expected shards 0 to ", shards - 1,
                    " only: this file belongs to another data set: remove it, or pack into an empty folder"));
}

/// That `shard` belongs to the same data set as the `first`.
void check_belongs(const Shard& shard, const Shard& first, const std::string& split, std::size_t number) {
  const ShardTables& t = shard.tables;
  if (t.split != split || t.shard != number)
    throw Error(str(shard.path, ": this is shard ", t.shard, " of split '", t.split, "': expected shard ", number,
                    " of '", split, "', as the file's name says"));
  if (t.shards != first.tables.shards || t.samples_total != first.tables.samples_total)
    throw Error(str(shard.path, ": got a part of ", t.shards, " shards with ", t.samples_total, " samples, expected ",
                    first.tables.shards, " with ", first.tables.samples_total, " as in ", first.name,
                    ": these files are not of one data set"));
  if (t.class_names != first.tables.class_names)
    throw Error(str(shard.path, ": class_names: not those of ", first.name, ": these files are not of one data set"));
  if (t.fingerprint != first.tables.fingerprint)
    throw Error(str(shard.path, ": fingerprint: got ", t.fingerprint, ", expected ", first.tables.fingerprint,
                    " as in ", first.name, ": these files are not of one data set"));
}

/// Read exactly bytes.size() bytes. Returns how many there were: fewer only at the end of the file.
std::size_t read_at(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> bytes,
                    const std::string& what) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error(what, "read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace

struct ShardSet::State {
  std::string split;
  std::vector<std::string> class_names = {};
  std::string fingerprint = {};
  std::vector<Shard> shards = {};
  std::vector<std::int64_t> first = {0};  // of each shard, its first sample; at the end the number of samples

  struct Place {
    const Shard& shard;
    std::size_t image;
  };
  Place find(std::int64_t sample) const {
    assert(sample >= 0 && sample < first.back());
    const auto after = std::upper_bound(first.begin(), first.end(), sample);
    const auto shard = static_cast<std::size_t>(after - first.begin() - 1);
    return {shards[shard], static_cast<std::size_t>(sample - first[shard])};
  }
};

ShardSet::ShardSet(const std::string& folder, const std::string& split) : state_(new State{.split = split}) {
  State& s = *state_;
  const std::vector<int> numbers = shard_numbers(folder, split);
  if (numbers.empty()) throw_no_shards(folder, split);

  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string name = shard_file_name(split, numbers[i]);
    s.shards.push_back({folder + "/" + name, name, open_to_read(folder + "/" + name), {}});
    Shard& shard = s.shards.back();
    shard.tables = read_shard_tables(shard.path);
    if (shard.tables.shards == 0)
      throw Error(str(shard.path, ": packing was not finished: run the same `preprocess pack` again"));
    if (i == 0) check_complete(numbers, static_cast<int>(shard.tables.shards), folder, split);
    check_belongs(shard, s.shards.front(), split, i);
    if (i == 0) s.class_names = shard.tables.class_names;
    s.first.push_back(s.first.back() + static_cast<std::int64_t>(shard.tables.size()));
  }

  const ShardTables& head = s.shards.front().tables;
  if (static_cast<std::uint64_t>(size()) != head.samples_total)
    throw Error(str(folder, ": ", split, ": got ", size(), " samples in ", numbers.size(), " shards, expected ",
                    head.samples_total, ": these files are not of one data set"));
  Fingerprint computed(s.class_names);
  for (const Shard& shard : s.shards) add_to_fingerprint(computed, shard.tables);
  s.fingerprint = head.fingerprint;
  if (const auto digits = computed.hex(); digits != s.fingerprint)
    throw Error(str(folder, ": ", split, ": fingerprint: the tables give ", digits, ", expected ", s.fingerprint,
                    ": a shard is damaged or of another data set: copy them again, or pack again"));
  // Each was compared with the first.
  for (Shard& shard : s.shards) shard.tables.class_names = {};
}

ShardSet::~ShardSet() = default;
ShardSet::ShardSet(ShardSet&&) noexcept = default;
ShardSet& ShardSet::operator=(ShardSet&&) noexcept = default;

std::int64_t ShardSet::size() const { return state_->first.back(); }
const std::string& ShardSet::split() const { return state_->split; }
const std::vector<std::string>& ShardSet::class_names() const { return state_->class_names; }
const std::string& ShardSet::fingerprint() const { return state_->fingerprint; }

int ShardSet::shard_count() const { return static_cast<int>(state_->shards.size()); }
const std::string& ShardSet::shard_path(int shard) const {
  return state_->shards.at(static_cast<std::size_t>(shard)).path;
}
std::int64_t ShardSet::shard_size(int shard) const {
  return static_cast<std::int64_t>(state_->shards.at(static_cast<std::size_t>(shard)).tables.size());
}

std::int32_t ShardSet::label(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return shard.tables.labels[image];
}
StoredKind ShardSet::kind(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return static_cast<StoredKind>(shard.tables.kinds[image]);
}
int ShardSet::width(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return static_cast<int>(shard.tables.widths[image]);
}
int ShardSet::height(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return static_cast<int>(shard.tables.heights[image]);
}
std::uint64_t ShardSet::stored_bytes(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return shard.tables.sizes[image];
}

std::string ShardSet::source_name(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  const ShardTables& t = shard.tables;
  std::string name(t.names_width, '\0');
  const auto bytes = std::as_writable_bytes(std::span(name));
  if (read_at(shard.file, t.names_offset + image * t.names_width, bytes, shard.path) != bytes.size())
    throw Error(
        str(shard.path, ": truncated since it was opened: the name of image ", image, " is not there any more"));
  name.erase(name.find_last_not_of('\0') + 1);
  return name;
}

const std::string& ShardSet::path_of(std::int64_t sample) const { return state_->find(sample).shard.path; }

std::string ShardSet::describe(std::int64_t sample) const {
  const auto [shard, image] = state_->find(sample);
  return str("sample ", sample, " (", shard.name, ", image ", image, ", ", source_name(sample), ")");
}

StoredImage ShardSet::read(std::int64_t sample, std::vector<std::byte>& buffer) const {
  const auto [shard, image] = state_->find(sample);
  const ShardTables& t = shard.tables;
  const auto size = static_cast<std::size_t>(t.sizes[image]);
  if (buffer.size() < size) buffer.resize(size);
  const auto bytes = std::span(buffer).first(size);
  read_part(sample, 0, bytes);
  if (const std::uint32_t sum = crc32c(bytes); sum != t.crc32c[image])
    throw Error(str(describe(sample), ": CRC-32C: got ", std::hex, sum, ", expected ", t.crc32c[image],
                    ": the bytes in the shard have changed: copy ", shard.path, " again, or pack again"));
  return {static_cast<StoredKind>(t.kinds[image]), static_cast<int>(t.widths[image]),
          static_cast<int>(t.heights[image]), bytes};
}

void ShardSet::read_part(std::int64_t sample, std::uint64_t begin, std::span<std::byte> to) const {
  const auto [shard, image] = state_->find(sample);
  const ShardTables& t = shard.tables;
  assert(begin <= t.sizes[image] && to.size() <= t.sizes[image] - begin);
  std::size_t got = 0;
  bool again = false;
  with_retries("reading", shard.path, [&] {
    const std::uint64_t offset = t.pool_offset + t.offsets[image] + begin;
    // A handle that has gone stale stays so: a later try opens the file anew, for itself alone.
    got = std::exchange(again, true) ? read_at(open_to_read(shard.path), offset, to, shard.path)
                                     : read_at(shard.file, offset, to, shard.path);
  });
  if (got != to.size())
    throw Error(str(shard.path, ": image ", image, " (sample ", sample, "): got ", got, " bytes, expected ", to.size(),
                    ": truncated since it was opened"));
}

}  // namespace mosaic
