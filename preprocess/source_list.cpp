#include "preprocess/source_list.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <tuple>

#include "base/error.h"

namespace mosaic {
namespace {

/// "a/b/c.png": "a/b" and "c.png".
std::pair<std::string_view, std::string_view> folder_and_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

std::string SourceList::where(const SourceFile& file) const {
  if (file.container < 0) return path + "/" + (file.member.empty() ? file.name : file.member);
  const Container& in = containers[static_cast<std::size_t>(file.container)];
  return str(in.path, in.inside.empty() ? "" : ": ", in.inside, ": ", file.member);
}

bool is_called_image(const std::string& name) {
  static constexpr std::array<const char*, 9> kEndings = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                                          ".pgm", ".tif",  ".tiff", ".webp"};
  std::string lower = name;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::any_of(kEndings.begin(), kEndings.end(), [&](const char* e) { return lower.ends_with(e); });
}

void sort_as_folder(SourceList& list) {
  const auto key = [](const SourceFile& file) {
    return std::tuple_cat(std::tuple(file.label), folder_and_name(file.name));
  };
  std::stable_sort(list.files.begin(), list.files.end(),
                   [&](const SourceFile& a, const SourceFile& b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(
      list.files.begin(), list.files.end(),
      [](const SourceFile& a, const SourceFile& b) { return a.label == b.label && a.name == b.name; });
  if (twice != list.files.end())
    throw Error(str(list.where(*(twice + 1)), ": would be called ", twice->name, " as is ", list.where(*twice),
                    ": expected each image once: remove one of them"));
}

std::string to_text(const SourceList& list) {
  // A name may hold any character but zero: each stands after its length.
  const auto append = [](std::string& text, const std::string& name) { text += str(name.size(), ' ', name, '\n'); };
  std::string text;
  append(text, list.path);
  text += str(list.class_names.size(), '\n');
  for (const auto& name : list.class_names) append(text, name);
  text += str(list.containers.size(), '\n');
  for (const auto& container : list.containers) {
    text += str(container.unpacked_bytes, ' ');
    append(text, container.path);
    append(text, container.inside);
    append(text, container.digest);
    append(text, container.unpacked_digest);
  }
  text += str(list.files.size(), '\n');
  for (const auto& file : list.files) {
    text += str(file.label, ' ', file.bytes, ' ', file.modified, ' ', file.container, ' ', file.offset, ' ');
    append(text, file.name);
    append(text, file.member);
  }
  return text;
}

SourceList source_list_of(const std::string& text) {
  std::istringstream in(text);
  const auto read_name = [&](std::string& name) {
    std::size_t length = 0;
    in >> length;
    in.get();
    name.resize(length);
    in.read(name.data(), static_cast<std::streamsize>(length));
  };
  const auto read_count = [&] {
    std::size_t count = 0;
    in >> count;
    return count;
  };
  SourceList list;
  read_name(list.path);
  list.class_names.resize(read_count());
  for (auto& name : list.class_names) read_name(name);
  list.containers.resize(read_count());
  for (auto& container : list.containers) {
    in >> container.unpacked_bytes;
    read_name(container.path);
    read_name(container.inside);
    read_name(container.digest);
    read_name(container.unpacked_digest);
  }
  list.files.resize(read_count());
  for (auto& file : list.files) {
    in >> file.label >> file.bytes >> file.modified >> file.container >> file.offset;
    read_name(file.name);
    read_name(file.member);
  }
  return list;
}

}  // namespace mosaic
