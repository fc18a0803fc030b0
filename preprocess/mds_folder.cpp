#include "preprocess/mds_folder.h"

#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "preprocess/archive_reader.h"
#include "preprocess/in_order.h"
#include "preprocess/mds_index.h"
#include "preprocess/numbered_classes.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

struct Sample {
  std::int64_t offset = 0, bytes = 0;  // of x
  std::int64_t y = 0;
  std::optional<std::int64_t> i;
};

/// The bytes of a shard: of a file, or of what was in one.
class ShardBytes {
 public:
  explicit ShardBytes(const MdsShard& shard) : path_(shard.path), bytes_(shard.bytes) {
    if (shard.compressed) {
      unpacked_ = read_zstd(shard.path, static_cast<std::size_t>(shard.bytes));
      return;
    }
    const std::int64_t found = state_of(path_).bytes;
    if (found != bytes_)
      throw Error(str(path_, ": has ", found, " bytes, expected ", bytes_, " as index.json says: copy it again"));
    file_ = open_to_read(path_);
  }
  void read(std::int64_t offset, std::span<std::byte> into) {
    if (offset < 0 || offset > bytes_ || static_cast<std::int64_t>(into.size()) > bytes_ - offset)
      throw Error(str(path_, ": ends at byte ", bytes_, ", expected ", into.size(), " from ", offset, " on"));
    if (file_.get() < 0)
      std::copy_n(unpacked_.begin() + offset, into.size(), into.begin());
    else if (into.size() > kWindow)
      read_at(file_, offset, into, path_);
    else
      read_from_window(offset, into);
  }

 private:
  /// The last column of a sample and the first ones of the next lie beside each other: one read, not three, for each sample.
  void read_from_window(std::int64_t offset, std::span<std::byte> into) {
    const auto size = static_cast<std::int64_t>(into.size());
    if (offset < window_begin_ || offset + size > window_begin_ + static_cast<std::int64_t>(window_.size())) {
      window_.resize(static_cast<std::size_t>(std::min<std::int64_t>(kWindow, bytes_ - offset)));
      window_begin_ = offset;
      read_at(file_, offset, window_, path_);
    }
    std::copy_n(window_.begin() + (offset - window_begin_), size, into.begin());
  }

  static constexpr std::size_t kWindow = 512;  // bytes

  const std::string& path_;
  std::int64_t bytes_;
  FileDescriptor file_;
  std::vector<std::byte> unpacked_;
  std::int64_t window_begin_ = 0;
  std::vector<std::byte> window_;  // of the file, from there on
};

std::vector<std::uint32_t> read_u32s(ShardBytes& shard, std::int64_t offset, std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  shard.read(offset, std::as_writable_bytes(std::span(numbers)));
  return numbers;
}

std::int64_t read_number(ShardBytes& shard, std::int64_t offset, const std::string& encoding) {
  const MdsNumber number = number_of(encoding);
  std::array<std::byte, 8> bytes{};
  shard.read(offset, std::span(bytes).first(static_cast<std::size_t>(number.bytes)));
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const int unused = static_cast<int>(64 - 8 * number.bytes);
  return number.is_signed ? static_cast<std::int64_t>(value << unused) >> unused : static_cast<std::int64_t>(value);
}

/// A sample is the sizes of its variable columns, 4 bytes each, then all
/// columns. @param begin, end  of it in the shard
Sample read_sample(ShardBytes& bytes, const MdsShard& shard, std::int64_t begin, std::int64_t end) {
  const auto variable = static_cast<std::size_t>(
      std::count_if(shard.columns.begin(), shard.columns.end(), [](const MdsColumn& c) { return !c.bytes; }));
  const auto head = static_cast<std::int64_t>(4 * variable);
  if (end - begin < head) throw Error(str("has ", end - begin, " bytes, expected at least ", head));
  const auto sizes = read_u32s(bytes, begin, variable);
  Sample sample;
  std::int64_t at = begin + head;
  std::size_t next_size = 0;
  for (const auto& column : shard.columns) {
    const std::int64_t size = column.bytes ? *column.bytes : sizes[next_size++];
    if (size > end - at) throw Error(str("column ", column.name, " has ", size, " bytes, and there are ", end - at));
    if (column.name == "x") {
      sample.offset = at;
      sample.bytes = size;
    } else if (column.name == "y") {
      sample.y = read_number(bytes, at, column.encoding);
    } else if (column.name == "i") {
      sample.i = read_number(bytes, at, column.encoding);
    }
    at += size;
  }
  return sample;
}

/// A shard is the number of samples, where each begins and the last ends, a
/// description that index.json repeats, and the samples.
std::vector<Sample> read_samples(const MdsShard& shard) {
  ShardBytes bytes(shard);
  const std::int64_t count = read_u32s(bytes, 0, 1)[0];
  if (count != shard.samples)
    throw Error(str(shard.path, ": holds ", count, " samples, expected ", shard.samples, " as index.json says"));
  if (4 * (count + 2) > shard.bytes)
    throw Error(str(shard.path, ": has ", shard.bytes, " bytes, expected at least ", 4 * (count + 2), " for ", count,
                    " samples"));
  const auto offsets = read_u32s(bytes, 4, static_cast<std::size_t>(count) + 1);
  std::vector<Sample> samples;
  for (std::size_t s = 0; s < static_cast<std::size_t>(count); ++s) {
    try {
      if (offsets[s] > offsets[s + 1] || offsets[s + 1] > shard.bytes)
        throw Error(str("from byte ", offsets[s], " to ", offsets[s + 1], ", expected a range in the ", shard.bytes,
                        " of the shard"));
      samples.push_back(read_sample(bytes, shard, offsets[s], offsets[s + 1]));
      if (samples.back().y < 0 || samples.back().y >= kMostNumberedClasses)
        throw Error(str("y: got ", samples.back().y, ", expected a label from 0 to ", kMostNumberedClasses - 1));
    } catch (const Error& e) {
      throw Error(str(shard.path, ": sample ", s, ": ", e.what()));
    }
  }
  return samples;
}

/// Numbers of eight digits at least, so that names are sorted as they are.
std::string file_name(std::int64_t number, const std::string& encoding) {
  char text[40];
  std::snprintf(text, sizeof text, "%08lld.%s", static_cast<long long>(number), encoding == "png" ? "png" : "jpg");
  return text;
}

}  // namespace

SourceList list_mds_folder(const std::string& folder, const std::string& classes_file, int threads) {
  const std::vector<MdsShard> shards = read_mds_index(folder);
  SourceList list{folder, {}, {}};
  std::vector<std::int64_t> numbers;  // i of each file, or its place
  std::size_t with_i = 0;
  const auto read = [&](std::int64_t s) { return read_samples(shards[static_cast<std::size_t>(s)]); };
  const auto take = [&](std::int64_t s, std::vector<Sample>&& samples) {
    const MdsShard& shard = shards[static_cast<std::size_t>(s)];
    const std::int64_t modified = state_of(shard.path).modified;
    list.containers.push_back(
        {shard.path, "", shard.compressed ? shard.bytes : -1, shard.digest, shard.unpacked_digest});
    const std::string encoding = column_called(shard.columns, "x")->encoding;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const Sample& sample = samples[k];
      with_i += sample.i.has_value();
      numbers.push_back(sample.i.value_or(static_cast<std::int64_t>(numbers.size())));
      list.files.push_back({.name = file_name(numbers.back(), encoding),
                            .label = static_cast<std::int32_t>(sample.y),
                            .bytes = sample.bytes,
                            .modified = modified,
                            .container = static_cast<std::int32_t>(s),
                            .offset = sample.offset,
                            .member = str("sample ", k)});
    }
  };
  in_order<std::vector<Sample>>(0, static_cast<std::int64_t>(shards.size()), threads, read, take);
  if (list.files.empty()) throw Error(str(folder, ": its shards hold no sample"));
  if (with_i != 0 && with_i != list.files.size())
    throw Error(
        str(folder, "/index.json: some shards have a column i and others do not: expected the same columns in all"));
  name_classes(list, classes_file);

  std::vector<std::size_t> order(list.files.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return with_i ? numbers[a] < numbers[b] : list.files[a].label < list.files[b].label;
  });
  std::vector<SourceFile> sorted;
  for (std::size_t k = 0; k < order.size(); ++k) {
    SourceFile& file = list.files[order[k]];
    if (with_i && k > 0 && numbers[order[k]] == numbers[order[k - 1]])
      throw Error(str(list.where(file), ": i: got ", numbers[order[k]], ", as in ", list.where(sorted.back()),
                      ": expected each number once"));
    file.name = list.class_names[static_cast<std::size_t>(file.label)] + "/" + file.name;
    sorted.push_back(file);
  }
  list.files = std::move(sorted);
  return list;
}

std::vector<std::byte> read_zstd(const std::string& path, std::size_t bytes) {
  const ArchiveReader reader = new_archive_reader();
  archive* a = reader.get();
  archive_read_support_format_raw(a);
  archive_read_support_filter_zstd(a);
  const auto fail = [&] {
    throw Error(str(path, ": cannot be decompressed: ", reason_of(a, "damaged"), ": copy it again"));
  };
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(a, path.c_str(), 1 << 16) != ARCHIVE_OK ||
      archive_read_next_header(a, &entry) != ARCHIVE_OK)
    fail();
  std::vector<std::byte> all(bytes + 1);  // one more tells whether there is more
  std::size_t done = 0;
  while (done < all.size()) {
    const la_ssize_t got = archive_read_data(a, all.data() + done, all.size() - done);
    if (got < 0) fail();
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  if (done != bytes)
    throw Error(str(path, ": decompressed it has ", done > bytes ? "more than " : "", std::min(done, bytes),
                    " bytes, expected ", bytes, " as index.json says: copy it again"));
  all.resize(bytes);
  return all;
}

}  // namespace mosaic
