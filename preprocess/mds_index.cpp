#include "preprocess/mds_index.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "preprocess/file_digest.h"

namespace mosaic {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMostShardBytes = std::int64_t{4} << 30;  // their offsets have 32 bits
constexpr int kMostDepth = 64;  // of values within values: what copies and writes them calls itself

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

std::vector<MdsColumn> read_columns(const Json& shard, const std::string& where) {
  const Json names = get<Json>(shard, "column_names", where, "a list"),
             encodings = get<Json>(shard, "column_encodings", where, "a list"),
             sizes = get<Json>(shard, "column_sizes", where, "a list");
  if (!names.is_array() || !encodings.is_array() || !sizes.is_array() || names.size() != encodings.size() ||
      names.size() != sizes.size())
    throw Error(str(where, ": column_names, column_encodings, column_sizes: expected three lists of the same length"));
  std::vector<MdsColumn> columns;
  for (std::size_t c = 0; c < names.size(); ++c) {
    if (!names[c].is_string() || !encodings[c].is_string() ||
        !(sizes[c].is_null() || (sizes[c].is_number_integer() && sizes[c] >= 0 && sizes[c] <= kMostShardBytes)))
      throw Error(str(where, ": column ", c, ": expected a name, an encoding, and a size or null"));
    columns.push_back(
        {names[c], encodings[c], sizes[c].is_null() ? std::nullopt : std::optional<std::int64_t>(sizes[c])});
  }
  return columns;
}

void check_columns(const std::vector<MdsColumn>& columns, const std::string& where) {
  std::string all;
  for (const auto& column : columns) all += str(all.empty() ? "" : ", ", column.name, " (", column.encoding, ")");
  const MdsColumn *x = column_called(columns, "x"), *y = column_called(columns, "y"), *i = column_called(columns, "i");
  const auto is_number = [](const MdsColumn* c) {
    return number_of(c->encoding).bytes > 0 && c->bytes == number_of(c->encoding).bytes;
  };
  const bool is_image = x && !x->bytes && (x->encoding == "jpeg" || x->encoding == "png" || x->encoding == "bytes");
  if (!is_image || !y || !is_number(y) || (i && !is_number(i)))
    throw Error(str(where, ": got the columns ", all.empty() ? "none" : all,
                    ", expected x (jpeg, png or bytes), y (a whole number, as int) and perhaps i (the same)"));
}

/// The digest to compare a file with: of several the first that can be computed. Empty if there is none.
std::string digest_of(const Json& file, const std::string& where) {
  const auto hashes = file.find("hashes");
  if (hashes == file.end() || hashes->is_null() || hashes->empty()) return {};
  std::string names;
  for (const auto& [name, hex] : hashes->items()) {
    if (!hashes->is_object() || !hex.is_string())
      throw Error(str(where, ": hashes: got ", hashes->dump().substr(0, 40),
                      ", expected \"sha1\": \"2fd4...\" or another digest"));
    if (is_known_digest(name)) return name + ":" + hex.get<std::string>();
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(str(where, ": hashes: got ", names,
                  " alone, which cannot be computed here, expected one of md5, sha1, sha256, blake2b, xxh64, xxh3_64, "
                  "xxh128: remove "
                  "them from index.json to pack the shards unchecked"));
}

MdsShard read_shard(const Json& json, const std::string& folder, const std::string& where) {
  MdsShard shard;
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
  shard.digest = digest_of(raw, where + ": raw_data");
  if (is_there(shard.path) || !json.contains("zip_data") || json["zip_data"].is_null()) return shard;

  const auto compression = get<std::string>(json, "compression", where, "zstd");
  if (compression != "zstd" && !compression.starts_with("zstd:"))
    throw Error(str(where, ": compression: got '", compression,
                    "', expected zstd or none: decompress the shards, beside their index.json"));
  shard.path = path_in(folder, get<std::string>(json["zip_data"], "basename", where + ": zip_data", "a name"),
                       where + ": zip_data");
  shard.compressed = true;
  shard.unpacked_digest = std::exchange(shard.digest, digest_of(json["zip_data"], where + ": zip_data"));
  return shard;
}

}  // namespace

const MdsColumn* column_called(const std::vector<MdsColumn>& columns, const char* name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const MdsColumn& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

MdsNumber number_of(const std::string& encoding) {
  static const std::array<std::pair<const char*, MdsNumber>, 9> kNumbers = {{{"int", {8, true}},
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

std::vector<MdsShard> read_mds_index(const std::string& folder) {
  const std::string path = folder + "/index.json";
  const auto bytes = read_file(path);
  const auto check_depth = [&](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMostDepth)
      throw Error(
          str(path, ": lists or objects are nested more than ", kMostDepth, " deep, expected the index of shards"));
    return true;
  };
  const Json json = Json::parse(reinterpret_cast<const char*>(bytes.data()),
                                reinterpret_cast<const char*>(bytes.data()) + bytes.size(), check_depth, false);
  if (json.is_discarded()) throw Error(str(path, ": not JSON"));
  const auto version = get<std::int64_t>(json, "version", path, "2");
  if (version != 2) throw Error(str(path, ": version: got ", version, ", expected 2"));
  const Json shards = get<Json>(json, "shards", path, "a list");
  std::vector<MdsShard> all;
  for (const auto& shard : shards) all.push_back(read_shard(shard, folder, str(path, ": shard ", all.size())));
  if (all.empty()) throw Error(str(path, ": no shards, expected at least one"));
  return all;
}

}  // namespace mosaic
