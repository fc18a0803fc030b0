#include "preprocess/split_source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/error.h"
#include "preprocess/class_archives.h"
#include "preprocess/image_folder.h"
#include "preprocess/mds_folder.h"
#include "preprocess/parquet_folder.h"
#include "preprocess/web_dataset.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

/// Names of the files in a folder with that ending, sorted.
std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
  std::vector<std::string> names;
  std::error_code failure, no_answer;
  for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure))
    if (entry->path().extension() == ending && !entry->is_directory(no_answer))
      names.push_back(entry->path().filename().string());
  if (failure) throw Error(str(folder, ": cannot list the folder: ", failure.message()));
  std::sort(names.begin(), names.end());
  return names;
}

/// "imagenet-train-000017.tar" is of the split train: its name, before the number, and something else or nothing before that.
bool is_numbered_tar_of(const std::string& name, const std::string& split) {
  std::string stem = name.substr(0, name.size() - 4);
  const std::size_t digits = stem.find_last_not_of("0123456789") + 1;
  if (digits == stem.size() || digits == 0) return false;
  stem.resize(digits);
  while (!stem.empty() && !std::isalnum(static_cast<unsigned char>(stem.back()))) stem.pop_back();
  if (!stem.ends_with(split)) return false;
  const std::size_t before = stem.size() - split.size();
  return before == 0 || !std::isalnum(static_cast<unsigned char>(stem[before - 1]));
}

std::vector<std::string> paths_of(const std::string& folder, const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  for (const auto& name : names) paths.push_back(folder + "/" + name);
  return paths;
}

/// Parquet files that are called as files of the split are: "train-00000-of-00040.parquet", "x-train-00000-of-00040.parquet".
/// @throws Error if they are not all that they say
std::vector<std::string> parquet_of(const std::string& source, const std::string& split) {
  std::vector<std::string> found;
  for (const auto& name : files_in(source, ".parquet")) {
    const auto parsed = parse_parquet_name(name);
    if (!parsed) continue;
    const auto is_of = [&](const std::string& it) { return parsed->set == it || parsed->set.ends_with("-" + it); };
    if (is_of(split) || (split == kValidation && is_of("validation"))) found.push_back(name);
  }
  check_parquet_names(source, split, found);
  return paths_of(source, found);
}

bool has_folders(const std::string& folder) {
  std::error_code failure, no_answer;
  const fs::directory_iterator entries(folder, failure);
  return std::any_of(begin(entries), end(entries), [&](const auto& entry) { return entry.is_directory(no_answer); });
}

bool has_images(const std::string& folder) {
  std::error_code failure;
  const fs::directory_iterator entries(folder, failure);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return is_called_image(entry.path().filename().string()); });
}

/// One thing in SOURCE that may be the split.
struct Candidate {
  std::string path;
  std::vector<std::string> tars = {};  // of a data set in WebDataset's form
  std::vector<std::string> parquet = {};
};

/// Archives that lie beside a folder, as after unpacking them, are left alone.
std::vector<Candidate> candidates(const std::string& source, const std::string& split) {
  std::error_code failure;
  if (fs::is_directory(source + "/" + split, failure)) return {{source + "/" + split}};
  std::vector<Candidate> found;
  std::vector<std::string> numbered;
  for (const auto& name : files_in(source, ".tar")) {
    if (name == split + ".tar" || name == "ILSVRC2012_img_" + split + ".tar")
      found.push_back({source + "/" + name});
    else if (is_numbered_tar_of(name, split) || (split == kValidation && is_numbered_tar_of(name, "validation")))
      numbered.push_back(source + "/" + name);
  }
  if (!numbered.empty()) found.push_back({numbered.front(), numbered});
  if (const auto files = parquet_of(source, split); !files.empty()) found.push_back({files.front(), {}, files});
  return found;
}

bool is_there(const std::string& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

/// For val also those that are called as they are downloaded, beside it.
LabelFiles labels_of(const SourceOptions& options, const std::string& split) {
  LabelFiles labels = options.labels;
  if (split != kValidation) return labels;
  for (const char* name :
       {"LOC_val_solution.csv", "ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_validation_ground_truth.txt"})
    if (labels.labels.empty() && is_there(options.source + "/" + name)) labels.labels = options.source + "/" + name;
  return labels;
}

SourceList list_folder(const std::string& path, const SourceOptions& options, const std::string& split, int threads) {
  if (is_there(path + "/index.json")) return list_mds_folder(path, options.classes, threads);
  const auto names = files_in(path, ".tar");
  const bool folders = has_folders(path);
  if (const auto parquet = files_in(path, ".parquet");
      names.empty() && !folders && !parquet.empty() && !has_images(path)) {
    check_parquet_names(path, split, parquet);
    return list_parquet(path, paths_of(path, parquet), options.classes, threads);
  }
  if (names.empty() || folders) {
    SourceList list = list_image_folder(path, split);
    const LabelFiles labels = labels_of(options, split);
    return folders || labels.labels.empty() ? list : with_classes(std::move(list), labels);
  }
  const auto tars = paths_of(path, names);
  return is_web_dataset(tars.front()) ? list_web_dataset(path, tars, options.classes, threads)
                                      : list_class_tars(path, names, threads);
}

}  // namespace

SourceList list_split(const SourceOptions& options, const std::string& split, const std::string& why, int threads) {
  std::error_code failure;
  if (!fs::is_directory(options.source, failure)) throw Error(str(options.source, ": no such folder"));
  const auto found = candidates(options.source, split);
  if (found.empty())
    throw Error(str(options.source, ": no split ", split, ": expected ", split, "/, ", split, ".tar, ILSVRC2012_img_",
                    split, ".tar, ", split, "-000000.tar and on, or ", split, "-00000-of-00001.parquet", why));
  if (found.size() > 1)
    throw Error(str(options.source, ": both ", found[0].path, " and ", found[1].path, " may be the split ", split,
                    ": expected one of them: move the other away"));
  if (!found[0].tars.empty())
    return list_web_dataset(str(options.source, "/", split, "-*.tar"), found[0].tars, options.classes, threads);
  if (!found[0].parquet.empty())
    return list_parquet(str(options.source, "/", split, "-*.parquet"), found[0].parquet, options.classes, threads);
  if (found[0].path.ends_with(".tar")) return list_split_tar(found[0].path, split, labels_of(options, split), threads);
  return list_folder(found[0].path, options, split, threads);
}

}  // namespace mosaic
