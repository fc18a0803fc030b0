#include "preprocess/mds_folder.h"

#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "preprocess/archive_reader.h"
#include "preprocess/in_order.h"
#include "preprocess/numbered_classes.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

using Json = nlohmann::json;

struct Column {
  std::string name, encoding;
  std::optional<std::int64_t> bytes;  // none: each sample says
};

/// A shard as index.json describes it.
struct Shard {
  std::string path;
  bool compressed = false;
  std::int64_t bytes = 0;  // not compressed
  std::int64_t samples = 0;
  std::vector<Column> columns;
};

struct Sample {
  std::int64_t offset = 0, bytes = 0;  // of x
  std::int64_t y = 0;
  std::optional<std::int64_t> i;
};

constexpr std::int64_t kMostShardBytes = std::int64_t{4} << 30;  // their offsets have 32 bits

/// A value of index.json that is there and of this type. @param where  the way to `object`: "index.json: shard 3: raw_data"
template <class T>
T get(const Json& object, const char* key, const std::string& where, const char* expected) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end())
    throw Error(str(where, ": ", key, ": missing, expected ", expected));
  const bool right = std::is_same_v<T, std::string>    ? found->is_string()
                     : std::is_same_v<T, std::int64_t> ? found->is_number_integer()
                                                       : found->is_structured();
  if (!right) throw Error(str(where, ": ", key, ": got ", found->dump().substr(0, 40), ", expected ", expected));
  return found->get<T>();
}

/// A path below the folder, whatever index.json says.
std::string path_in(const std::string& folder, const std::string& name, const std::string& where) {
  const std::filesystem::path path(name);
  if (name.empty() || name.find('\0') != std::string::npos || path.is_absolute() ||
      std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; }))
    throw Error(str(where, ": basename: got '", name, "', expected the name of a file in this folder"));
  return folder + "/" + name;
}

bool is_there(const std::string& path) {
  std::error_code failure;
  return std::filesystem::exists(path, failure);
}

std::vector<Column> read_columns(const Json& shard, const std::string& where) {
  const Json names = get<Json>(shard, "column_names", where, "a list"),
             encodings = get<Json>(shard, "column_encodings", where, "a list"),
             sizes = get<Json>(shard, "column_sizes", where, "a list");
  if (!names.is_array() || !encodings.is_array() || !sizes.is_array() || names.size() != encodings.size() ||
      names.size() != sizes.size())
    throw Error(str(where, ": column_names, column_encodings, column_sizes: expected three lists of the same length"));
  std::vector<Column> columns;
  for (std::size_t c = 0; c < names.size(); ++c) {
    if (!names[c].is_string() || !encodings[c].is_string() ||
        !(sizes[c].is_null() || (sizes[c].is_number_integer() && sizes[c] >= 0 && sizes[c] <= kMostShardBytes)))
      throw Error(str(where, ": column ", c, ": expected a name, an encoding, and a size or null"));
    columns.push_back(
        {names[c], encodings[c], sizes[c].is_null() ? std::nullopt : std::optional<std::int64_t>(sizes[c])});
  }
  return columns;
}

const Column* column_called(const std::vector<Column>& columns, const char* name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

/// Size and sign of a number's encoding; 0 if it is none.
struct Number {
  std::int64_t bytes = 0;
  bool is_signed = false;
};
Number number_of(const std::string& encoding) {
  static const std::array<std::pair<const char*, Number>, 9> kNumbers = {{{"int", {8, true}},
                                                                          {"int8", {1, true}},
                                                                          {"int16", {2, true}},
                                                                          {"int32", {4, true}},
                                                                          {"int64", {8, true}},
                                                                          {"uint8", {1, false}},
                                                                          {"uint16", {2, false}},
                                                                          {"uint32", {4, false}},
                                                                          {"uint64", {8, false}}}};
  for (const auto& [name, number] : kNumbers)
    if (encoding == name) return number;
  return {};
}

void check_columns(const std::vector<Column>& columns, const std::string& where) {
  std::string all;
  for (const auto& column : columns) all += str(all.empty() ? "" : ", ", column.name, " (", column.encoding, ")");
  const Column *x = column_called(columns, "x"), *y = column_called(columns, "y"), *i = column_called(columns, "i");
  const auto is_number = [](const Column* c) {
    return number_of(c->encoding).bytes > 0 && c->bytes == number_of(c->encoding).bytes;
  };
  const bool is_image = x && !x->bytes && (x->encoding == "jpeg" || x->encoding == "png" || x->encoding == "bytes");
  if (!is_image || !y || !is_number(y) || (i && !is_number(i)))
    throw Error(str(where, ": got the columns ", all.empty() ? "none" : all,
                    ", expected x (jpeg, png or bytes), y (a whole number, as int) and perhaps i (the same)"));
}

Shard read_shard(const Json& json, const std::string& folder, const std::string& where) {
  Shard shard;
  const auto format = get<std::string>(json, "format", where, "\"mds\"");
  if (format != "mds") throw Error(str(where, ": format: got '", format, "', expected mds"));
  const auto version = get<std::int64_t>(json, "version", where, "2");
  if (version != 2) throw Error(str(where, ": version: got ", version, ", expected 2"));
  shard.samples = get<std::int64_t>(json, "samples", where, "a number");
  const Json raw = get<Json>(json, "raw_data", where, "basename and bytes");
  shard.bytes = get<std::int64_t>(raw, "bytes", where + ": raw_data", "a number");
  if (shard.bytes < 0 || shard.bytes > kMostShardBytes)
    throw Error(str(where, ": raw_data: bytes: got ", shard.bytes, ", expected 0 to ", kMostShardBytes));
  shard.path = path_in(folder, get<std::string>(raw, "basename", where + ": raw_data", "a name"), where + ": raw_data");
  shard.columns = read_columns(json, where);
  check_columns(shard.columns, where);
  if (is_there(shard.path) || !json.contains("zip_data") || json["zip_data"].is_null()) return shard;

  const auto compression = get<std::string>(json, "compression", where, "zstd");
  if (compression != "zstd" && !compression.starts_with("zstd:"))
    throw Error(str(where, ": compression: got '", compression,
                    "', expected zstd or none: decompress the shards, beside their index.json"));
  shard.path = path_in(folder, get<std::string>(json["zip_data"], "basename", where + ": zip_data", "a name"),
                       where + ": zip_data");
  shard.compressed = true;
  return shard;
}

std::vector<Shard> read_index(const std::string& folder) {
  const std::string path = folder + "/index.json";
  const auto bytes = read_file(path);
  const Json json = Json::parse(reinterpret_cast<const char*>(bytes.data()),
                                reinterpret_cast<const char*>(bytes.data()) + bytes.size(), nullptr, false);
  if (json.is_discarded()) throw Error(str(path, ": not JSON"));
  const auto version = get<std::int64_t>(json, "version", path, "2");
  if (version != 2) throw Error(str(path, ": version: got ", version, ", expected 2"));
  const Json shards = get<Json>(json, "shards", path, "a list");
  std::vector<Shard> all;
  for (const auto& shard : shards) all.push_back(read_shard(shard, folder, str(path, ": shard ", all.size())));
  if (all.empty()) throw Error(str(path, ": no shards, expected at least one"));
  return all;
}

/// The bytes of a shard: of a file, or of what was in one.
class ShardBytes {
 public:
  explicit ShardBytes(const Shard& shard) : path_(shard.path), bytes_(shard.bytes) {
    if (shard.compressed) {
      unpacked_ = read_zstd(shard.path, static_cast<std::size_t>(shard.bytes));
      return;
    }
    const std::int64_t found = state_of(path_).bytes;
    if (found != bytes_)
      throw Error(str(path_, ": has ", found, " bytes, expected ", bytes_, " as index.json says: copy it again"));
    file_ = open_to_read(path_);
  }
  void read(std::int64_t offset, std::span<std::byte> into) const {
    if (offset < 0 || offset > bytes_ || static_cast<std::int64_t>(into.size()) > bytes_ - offset)
      throw Error(str(path_, ": ends at byte ", bytes_, ", expected ", into.size(), " from ", offset, " on"));
    if (file_.get() >= 0)
      read_at(file_, offset, into, path_);
    else
      std::copy_n(unpacked_.begin() + offset, into.size(), into.begin());
  }

 private:
  const std::string& path_;
  std::int64_t bytes_;
  FileDescriptor file_;
  std::vector<std::byte> unpacked_;
};

std::vector<std::uint32_t> read_u32s(const ShardBytes& shard, std::int64_t offset, std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  shard.read(offset, std::as_writable_bytes(std::span(numbers)));
  return numbers;
}

std::int64_t read_number(const ShardBytes& shard, std::int64_t offset, const std::string& encoding) {
  const Number number = number_of(encoding);
  std::array<std::byte, 8> bytes{};
  shard.read(offset, std::span(bytes).first(static_cast<std::size_t>(number.bytes)));
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const int unused = static_cast<int>(64 - 8 * number.bytes);
  return number.is_signed ? static_cast<std::int64_t>(value << unused) >> unused : static_cast<std::int64_t>(value);
}

/// A sample is the sizes of its variable columns, 4 bytes each, then all
/// columns. @param begin, end  of it in the shard
Sample read_sample(const ShardBytes& bytes, const Shard& shard, std::int64_t begin, std::int64_t end) {
  const auto variable = static_cast<std::size_t>(
      std::count_if(shard.columns.begin(), shard.columns.end(), [](const Column& c) { return !c.bytes; }));
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
std::vector<Sample> read_samples(const Shard& shard) {
  const ShardBytes bytes(shard);
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
  const std::vector<Shard> shards = read_index(folder);
  SourceList list{folder, {}, {}};
  std::vector<std::int64_t> numbers;  // i of each file, or its place
  std::size_t with_i = 0;
  const auto read = [&](std::int64_t s) { return read_samples(shards[static_cast<std::size_t>(s)]); };
  const auto take = [&](std::int64_t s, std::vector<Sample>&& samples) {
    const Shard& shard = shards[static_cast<std::size_t>(s)];
    const std::int64_t modified = state_of(shard.path).modified;
    list.containers.push_back({shard.path, "", shard.compressed ? shard.bytes : -1});
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
