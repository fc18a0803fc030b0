#include "preprocess/class_archives.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "preprocess/in_order.h"
#include "preprocess/source_reader.h"
#include "preprocess/tar_listing.h"

namespace mosaic {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// What is in an archive and is no image by its name.
class LeftOut {
 public:
  void add(const std::string& name) {
    if (count_++ < kMost) names_ += (names_.empty() ? "" : ", ") + name;
  }
  void say(const std::string& path) const {
    if (count_ == 0) return;
    log_info(str(path, ": ", count_, count_ == 1 ? " file is" : " files are",
                 " left out, not called as images are: ", names_, count_ > kMost ? ", ..." : ""));
  }

 private:
  static constexpr std::int64_t kMost = 5;
  std::int64_t count_ = 0;
  std::string names_;
};

/// An image and its class by name: numbers are known when all classes are.
struct Named {
  std::string class_name;
  SourceFile file;
};

SourceList finish(SourceList list, std::vector<Named> images) {
  std::map<std::string, std::int32_t> labels;  // sorted by byte, as folders are
  for (const auto& image : images) labels.emplace(image.class_name, 0);
  for (auto& [name, label] : labels) {
    label = static_cast<std::int32_t>(list.class_names.size());
    list.class_names.push_back(name);
  }
  for (auto& image : images) {
    image.file.label = labels.at(image.class_name);
    list.files.push_back(std::move(image.file));
  }
  sort_as_folder(list);
  return list;
}

/// A tar of one class: in an archive, or a file.
struct ClassTar {
  std::string path, inside;
  std::int64_t begin = 0, end = 0;
};

SourceList list_class_tars(const std::string& path, const std::vector<ClassTar>& tars, int threads, LeftOut left_out) {
  SourceList list{path, {}, {}};
  std::vector<Named> images;
  const auto read = [&](std::int64_t i) {
    const ClassTar& tar = tars[static_cast<std::size_t>(i)];
    return list_tar(open_to_read(tar.path), tar.begin, tar.end,
                    tar.inside.empty() ? tar.path : tar.path + ": " + tar.inside);
  };
  const auto take = [&](std::int64_t i, std::vector<TarMember>&& members) {
    const ClassTar& tar = tars[static_cast<std::size_t>(i)];
    const std::string file_name = base_name(tar.inside.empty() ? tar.path : tar.inside);
    const std::string class_name = file_name.substr(0, file_name.size() - 4);  // ".tar"
    const std::int64_t modified = state_of(tar.path).modified;
    const std::size_t before = images.size();
    list.containers.push_back({tar.path, tar.inside});
    for (auto& member : members) {
      if (!is_called_image(member.name)) {
        left_out.add(file_name + ": " + member.name);
        continue;
      }
      const std::string prefix = class_name + "/";
      images.push_back({class_name,
                        {.name = member.name.starts_with(prefix) ? member.name : prefix + member.name,
                         .bytes = member.bytes,
                         .modified = modified,
                         .container = static_cast<std::int32_t>(i),
                         .offset = member.offset,
                         .member = member.name}});
    }
    if (images.size() == before)
      throw Error(str(tar.path, tar.inside.empty() ? "" : ": ", tar.inside,
                      ": no image in this archive of a class: expected a file called ", kImageEndings));
  };
  in_order<std::vector<TarMember>>(0, static_cast<std::int64_t>(tars.size()), threads, read, take);
  left_out.say(path);
  return finish(std::move(list), std::move(images));
}

/// Images alone: sorted by name, then classes given to them.
void add_classes(std::vector<Named>& images, const std::string& path, const LabelFiles& labels) {
  if (labels.labels.empty())
    throw Error(str(path,
                    ": its images are in no class folders: expected their labels in a file: --labels FILE, or beside "
                    "the archive LOC_val_solution.csv, "
                    "ILSVRC2012_validation_ground_truth.txt or ILSVRC2012_devkit_t12.tar.gz"));
  std::sort(images.begin(), images.end(), [](const Named& a, const Named& b) { return a.file.name < b.file.name; });
  std::vector<std::string> names;
  for (const auto& image : images) names.push_back(image.file.name);
  const auto classes = classes_of_images(names, labels);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].class_name = classes[i];
    images[i].file.name = classes[i] + "/" + images[i].file.name;
  }
}

}  // namespace

SourceList list_split_tar(const std::string& path, const std::string& split, const LabelFiles& labels, int threads) {
  const std::int64_t modified = state_of(path).modified;
  std::vector<ClassTar> tars;
  std::vector<Named> images;
  LeftOut left_out;
  for (auto& member : list_tar(path)) {
    if (member.name.ends_with(".tar") && base_name(member.name) != ".tar")
      tars.push_back({path, member.name, member.offset, member.offset + member.bytes});
    else if (is_called_image(member.name))
      images.push_back({"",
                        {.name = member.name,
                         .bytes = member.bytes,
                         .modified = modified,
                         .container = 0,
                         .offset = member.offset,
                         .member = member.name}});
    else
      left_out.add(member.name);
  }
  if (!tars.empty() && !images.empty())
    throw Error(str(path, ": holds both images (", images[0].file.name, ") and archives (", tars[0].inside,
                    "): expected one of them"));
  if (!tars.empty()) return list_class_tars(path, tars, threads, left_out);
  if (images.empty()) throw Error(str(path, ": no image in this archive: expected files called ", kImageEndings));
  left_out.say(path);

  const auto all_begin_with = [&](const std::string& prefix) {
    return std::all_of(images.begin(), images.end(), [&](const Named& i) { return i.file.name.starts_with(prefix); });
  };
  if (all_begin_with(split + "/"))
    for (auto& image : images) image.file.name.erase(0, split.size() + 1);
  const auto in_folder = [](const Named& image) { return image.file.name.find('/') != std::string::npos; };
  SourceList list{.path = path, .containers = {{path, ""}}};
  if (std::none_of(images.begin(), images.end(), in_folder)) {
    add_classes(images, path, labels);
    list.classes_from = labels.labels;
  } else {
    const auto flat = std::find_if_not(images.begin(), images.end(), in_folder);
    if (flat != images.end())
      throw Error(
          str(path, ": ", flat->file.member, ": in no class folder, as others are: expected CLASS/", flat->file.name));
    for (auto& image : images) image.class_name = image.file.name.substr(0, image.file.name.find('/'));
  }
  return finish(std::move(list), std::move(images));
}

SourceList with_classes(SourceList flat, const LabelFiles& labels) {
  std::vector<Named> images;
  for (auto& file : flat.files) {
    file.member = file.name;
    images.push_back({"", std::move(file)});
  }
  add_classes(images, flat.path, labels);
  return finish({.path = flat.path, .classes_from = labels.labels}, std::move(images));
}

SourceList list_class_tars(const std::string& folder, const std::vector<std::string>& tars, int threads) {
  std::vector<ClassTar> class_tars;
  for (const auto& name : tars) {
    const std::string path = folder + "/" + name;
    class_tars.push_back({path, "", 0, state_of(path).bytes});
  }
  return list_class_tars(folder, class_tars, threads, {});
}

}  // namespace mosaic
