#include "shards/shard_index.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "shards/format.h"
#include "shards/shard_tables.h"

namespace mosaic {
namespace {

struct Shard {
  std::string path;
  std::string name;  // for messages: the path without its folder
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
  if (t.max_side != first.tables.max_side)
    throw Error(str(shard.path, ": max_side: got ", t.max_side, ", expected ", first.tables.max_side, " as in ",
                    first.name, ": these files are not of one data set"));
  if (t.fingerprint != first.tables.fingerprint)
    throw Error(str(shard.path, ": fingerprint: got ", t.fingerprint, ", expected ", first.tables.fingerprint,
                    " as in ", first.name, ": these files are not of one data set"));
}

/// All shards of a split, each checked by itself and against the first.
std::vector<Shard> read_shards(const std::string& folder, const std::string& split) {
  const std::vector<int> numbers = shard_numbers(folder, split);
  if (numbers.empty()) throw_no_shards(folder, split);
  std::vector<Shard> shards;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string name = shard_file_name(split, numbers[i]);
    shards.push_back({folder + "/" + name, name, read_shard_tables(folder + "/" + name)});
    const Shard& shard = shards.back();
    if (shard.tables.shards == 0)
      throw Error(str(shard.path, ": packing was not finished: run the same `preprocess pack` again"));
    if (i == 0) check_complete(numbers, static_cast<int>(shard.tables.shards), folder, split);
    check_belongs(shard, shards.front(), split, i);
  }
  return shards;
}

/// @return the number of samples
std::uint64_t check_together(const std::vector<Shard>& shards, const std::string& folder, const std::string& split) {
  const ShardTables& head = shards.front().tables;
  std::uint64_t samples = 0;
  for (const Shard& shard : shards) samples += shard.tables.size();
  if (samples != head.samples_total)
    throw Error(str(folder, ": ", split, ": got ", samples, " samples in ", shards.size(), " shards, expected ",
                    head.samples_total, ": these files are not of one data set"));
  Fingerprint computed(head.class_names, head.max_side);
  for (const Shard& shard : shards) add_to_fingerprint(computed, shard.tables);
  if (const auto digits = computed.hex(); digits != head.fingerprint)
    throw Error(str(folder, ": ", split, ": fingerprint: the tables give ", digits, ", expected ", head.fingerprint,
                    ": a shard is damaged or of another data set: copy them again, or pack again"));
  return samples;
}

// ---- the bytes: a head, then the columns, each at a multiple of kAlignment, then the texts

constexpr std::size_t kAlignment = 64;

struct Head {
  std::uint64_t samples = 0, shards = 0, text_bytes = 0, max_side = 0;
};

/// Calls visit(column) for all columns, always in the same order.
template <class Index, class Visit>
void visit_columns(Index& index, Visit visit) {
  visit(index.offsets);
  visit(index.sizes);
  visit(index.crc32c);
  visit(index.widths);
  visit(index.heights);
  visit(index.labels);
  visit(index.kinds);
  visit(index.first);
  visit(index.names_offset);
  visit(index.names_width);
}

/// The columns while they are being filled.
struct Columns {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint32_t> sizes, crc32c, widths, heights;
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> kinds;
  std::vector<std::uint64_t> first = {0}, names_offset, names_width;

  void add(const Shard& shard) {
    const ShardTables& t = shard.tables;
    for (std::size_t i = 0; i < t.size(); ++i) {
      if (t.sizes[i] > std::numeric_limits<std::uint32_t>::max())
        throw Error(str(shard.path, ": image ", i, ": got ", t.sizes[i], " bytes, expected fewer than 4 GiB"));
      offsets.push_back(t.pool_offset + t.offsets[i]);
      sizes.push_back(static_cast<std::uint32_t>(t.sizes[i]));
    }
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(crc32c, t.crc32c);
    append(widths, t.widths);
    append(heights, t.heights);
    append(labels, t.labels);
    append(kinds, t.kinds);
    first.push_back(offsets.size());
    names_offset.push_back(t.names_offset);
    names_width.push_back(t.names_width);
  }
};

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

std::vector<std::byte> ShardIndex::make(const std::string& folder, const std::string& split) {
  Columns columns;
  std::string text;
  std::uint32_t max_side = 0;
  {
    const std::vector<Shard> shards = read_shards(folder, split);
    check_together(shards, folder, split);
    for (const Shard& shard : shards) columns.add(shard);
    max_side = shards.front().tables.max_side;
    text = shards.front().tables.fingerprint + '\0';
    for (const std::string& name : shards.front().tables.class_names) text += name + '\0';
  }

  std::size_t size = aligned(sizeof(Head));
  visit_columns(columns, [&](const auto& column) { size += aligned(column.size() * sizeof(column[0])); });
  std::vector<std::byte> bytes(size + text.size());
  const Head head{columns.offsets.size(), columns.names_offset.size(), text.size(), max_side};
  std::memcpy(bytes.data(), &head, sizeof head);
  std::size_t at = aligned(sizeof head);
  visit_columns(columns, [&](const auto& column) {
    std::memcpy(bytes.data() + at, column.data(), column.size() * sizeof(column[0]));
    at += aligned(column.size() * sizeof(column[0]));
  });
  std::memcpy(bytes.data() + at, text.data(), text.size());
  return bytes;
}

ShardIndex::ShardIndex(SharedBytes bytes) : bytes_(std::move(bytes)) {
  const std::byte* data = bytes_.get().data();
  Head head;
  std::memcpy(&head, data, sizeof head);
  max_side = static_cast<std::uint32_t>(head.max_side);
  std::size_t at = aligned(sizeof head);
  const auto view = [&]<class T>(std::span<const T>& column, std::size_t count) {
    column = {reinterpret_cast<const T*>(data + at), count};
    at += aligned(count * sizeof(T));
  };
  visit_columns(*this, [&](auto& column) {
    const void* which = &column;
    const bool of_shards = which == &first || which == &names_offset || which == &names_width;
    view(column, of_shards ? head.shards + (which == &first ? 1 : 0) : head.samples);
  });
  std::string text(reinterpret_cast<const char*>(data + at), head.text_bytes);
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\0', begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  fingerprint = words.front();
  class_names.assign(words.begin() + 1, words.end());
}

std::size_t ShardIndex::shard_of(std::int64_t sample) const {
  assert(sample >= 0 && static_cast<std::uint64_t>(sample) < first.back());
  return static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), static_cast<std::uint64_t>(sample)) -
                                  first.begin() - 1);
}

}  // namespace mosaic
