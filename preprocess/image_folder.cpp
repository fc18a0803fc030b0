#include "preprocess/image_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

struct Listing {
  std::vector<std::string> folders;
  std::vector<std::string> files;  // with an image's extension
};

/// Names in one folder, sorted. Links count as what they lead to.
Listing list(const std::string& path) {
  Listing found;
  std::error_code failure;
  for (auto entry = fs::directory_iterator(path, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    std::error_code leads_nowhere;
    if (entry->is_directory(leads_nowhere))
      found.folders.push_back(std::move(name));
    else if (is_called_image(name))
      found.files.push_back(std::move(name));
  }
  if (failure) throw Error(str(path, ": cannot list the folder: ", failure.message()));
  std::sort(found.folders.begin(), found.folders.end());  // by byte: in UTF-8 the order of code points
  std::sort(found.files.begin(), found.files.end());
  return found;
}

using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

/// All image files of each folder at and below `name`, under the folder's path. `above` are the folders on the way here.
void walk(const std::string& root, const std::string& name, std::vector<FolderId>& above,
          std::map<std::string, std::vector<std::string>>& files_of) {
  const std::string path = root + "/" + name;
  const FolderId id = id_of(path);
  if (std::find(above.begin(), above.end(), id) != above.end())
    throw Error(str(path, ": this link leads back to a folder above it: remove it"));
  above.push_back(id);
  Listing here = list(path);
  files_of.emplace(name, std::move(here.files));
  for (const auto& folder : here.folders) walk(root, name + "/" + folder, above, files_of);
  above.pop_back();
}

SourceFile source_file(const std::string& root, std::string name, std::int32_t label) {
  SourceFile file{std::move(name), label, -1, 0};
  struct stat info {};
  if (::stat((root + "/" + file.name).c_str(), &info) == 0) {
    file.bytes = info.st_size;
    file.modified = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  return file;
}

}  // namespace

SourceList list_image_folder(const std::string& path, const std::string& name_if_flat) {
  std::error_code failure;
  if (!fs::is_directory(path, failure)) throw Error(str(path, ": no such folder"));
  const Listing top = list(path);
  SourceList folder{path, top.folders, {}};

  if (top.folders.empty()) {
    if (top.files.empty())
      throw Error(
          str(path, ": no class folders, and no images (jpg, jpeg, png, ppm, bmp, pgm, tif, tiff, webp) either"));
    folder.class_names = {name_if_flat};
    for (const auto& name : top.files) folder.files.push_back(source_file(path, name, 0));
  }
  for (std::size_t label = 0; label < top.folders.size(); ++label) {
    std::map<std::string, std::vector<std::string>> files_of;  // sorted by path
    std::vector<FolderId> above = {id_of(path)};
    walk(path, top.folders[label], above, files_of);
    const std::size_t before = folder.files.size();
    for (const auto& [name, files] : files_of)
      for (const auto& file : files)
        folder.files.push_back(source_file(path, name + "/" + file, static_cast<std::int32_t>(label)));
    if (folder.files.size() == before)
      throw Error(str(path, "/", top.folders[label], ": no image in this class folder: expected a file called ",
                      kImageEndings, ": add one, or remove the folder"));
  }
  return folder;
}

}  // namespace mosaic
