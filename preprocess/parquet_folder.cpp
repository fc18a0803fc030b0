#include "preprocess/parquet_folder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <set>
#include <utility>

#include "base/error.h"
#include "preprocess/in_order.h"
#include "preprocess/numbered_classes.h"
#include "preprocess/parquet_rows.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

constexpr char kEnding[] = ".parquet";

struct FileRows {
  std::vector<SourceFile> files;  // named by their paths; empty names have none
  std::int64_t bytes = 0;
  std::int64_t modified = 0;
};

FileRows read_rows(const std::string& path) {
  FileRows rows;
  rows.modified = state_of(path).modified;
  read_parquet_rows(path, [&](const ParquetRow& row) {
    if (row.label < 0 || row.label >= kMostNumberedClasses)
      throw Error(str("row ", row.number, ": label: got ", row.label, ", expected 0 to ", kMostNumberedClasses - 1));
    const auto bytes = static_cast<std::int64_t>(row.image.size());
    const std::string name = row.path.value_or("");
    rows.files.push_back({.name = name.substr(name.rfind('/') + 1),
                          .label = static_cast<std::int32_t>(row.label),
                          .bytes = bytes,
                          .modified = rows.modified,
                          .offset = rows.bytes,
                          .member = str("row ", row.number)});
    rows.bytes += bytes;
  });
  return rows;
}

/// "n01440764_10026_n01440764.JPEG" of the class n01440764 is ImageNet's n01440764_10026.JPEG.
std::string without_class(const std::string& name, const std::string& class_name) {
  const std::string stem = name.substr(0, name.rfind('.')), ending = "_" + class_name;
  if (!stem.ends_with(ending) || stem.size() == ending.size()) return name;
  return stem.substr(0, stem.size() - ending.size()) + name.substr(stem.size());
}

bool have_paths_of_their_own(const std::vector<SourceFile>& files) {
  std::set<std::pair<std::int32_t, std::string>> seen;
  return std::all_of(files.begin(), files.end(), [&](const SourceFile& file) {
    return is_called_image(file.name) && seen.emplace(file.label, file.name).second;
  });
}

std::string numbered(std::size_t place) {
  char text[40];
  std::snprintf(text, sizeof text, "%08zu.jpg", place);
  return text;
}

}  // namespace

std::optional<ParquetName> parse_parquet_name(const std::string& name) {
  std::string stem = name;
  if (!stem.ends_with(kEnding)) return std::nullopt;
  stem.resize(stem.size() - (sizeof kEnding - 1));
  const auto cut_number = [&]() -> std::optional<std::int64_t> {
    const std::size_t digits = stem.find_last_not_of("0123456789") + 1;
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(stem.data() + digits, stem.data() + stem.size(), number);
    if (fault != std::errc()) return std::nullopt;
    stem.resize(digits);
    return number;
  };
  const auto count = cut_number();
  if (!count || !stem.ends_with("-of-")) return std::nullopt;
  stem.resize(stem.size() - 4);
  const auto number = cut_number();
  if (!number || !stem.ends_with('-')) return std::nullopt;
  stem.pop_back();
  return ParquetName{stem, *number, *count};
}

void check_parquet_names(const std::string& folder, const std::string& split, const std::vector<std::string>& names) {
  std::string first_name;
  ParquetName first;
  std::set<std::int64_t> numbers;
  for (const auto& name : names) {
    const auto parsed = parse_parquet_name(name);
    if (!parsed) continue;
    if (first_name.empty()) {
      first_name = name;
      first = *parsed;
    }
    if (parsed->set != first.set || parsed->count != first.count)
      throw Error(str(folder, ": got both ", first_name, " and ", name, " for ", split,
                      ": expected one set of files, as many as their names say: move the others away"));
    if (parsed->number >= parsed->count || !numbers.insert(parsed->number).second)
      throw Error(str(folder, ": got ", name, ": expected the numbers 0 to ", parsed->count - 1,
                      " before -of-, each once: move the others away"));
  }
  const auto found = static_cast<std::int64_t>(numbers.size());
  if (!first_name.empty() && found != first.count)
    throw Error(str(folder, ": got ", found, " Parquet files of ", split, ", expected the ", first.count,
                    " that the name ", first_name, " speaks of: copy the others there, too"));
}

SourceList list_parquet(const std::string& path, const std::vector<std::string>& files, const std::string& classes_file,
                        int threads) {
  SourceList list{path, {}, {}};
  const auto read = [&](std::int64_t i) { return read_rows(files[static_cast<std::size_t>(i)]); };
  const auto take = [&](std::int64_t i, FileRows&& rows) {
    list.containers.push_back({files[static_cast<std::size_t>(i)], "", rows.bytes});
    for (auto& file : rows.files) {
      file.container = static_cast<std::int32_t>(i);
      list.files.push_back(std::move(file));
    }
  };
  in_order<FileRows>(0, static_cast<std::int64_t>(files.size()), threads, read, take);
  if (list.files.empty()) throw Error(str(path, ": no row in these files: expected an image in each"));
  name_classes(list, classes_file);
  const auto class_of = [&](const SourceFile& file) { return list.class_names[static_cast<std::size_t>(file.label)]; };
  const auto shorter = [&](const SourceFile& file) { return without_class(file.name, class_of(file)); };
  // Without names classes are numbers, and _1 at the end of a name is one of another kind.
  if (!classes_file.empty() &&
      std::all_of(list.files.begin(), list.files.end(), [&](const auto& file) { return shorter(file) != file.name; }))
    for (auto& file : list.files) file.name = shorter(file);
  const bool named = have_paths_of_their_own(list.files);
  for (std::size_t i = 0; i < list.files.size(); ++i) {
    SourceFile& file = list.files[i];
    file.name = class_of(file) + "/" + (named ? file.name : numbered(i));
  }
  sort_as_folder(list);
  return list;
}

bool is_parquet(const std::string& path) { return path.ends_with(kEnding); }

void read_parquet_images(const std::string& path, const std::function<void(std::span<const std::byte>)>& take) {
  read_parquet_rows(path, [&](const ParquetRow& row) { take(row.image); });
}

}  // namespace mosaic
