#include "preprocess/image_labels.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "preprocess/devkit.h"
#include "preprocess/source_list.h"

namespace mosaic {
namespace {

bool is_wnid(const std::string& word) {
  return word.size() == 9 && word[0] == 'n' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c != ' ' && c != '\t' && c != ',')
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::vector<std::string> lines_of_file(const std::string& path) {
  const auto bytes = read_file(path);
  return lines_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string without_ending(const std::string& name) { return name.substr(0, name.rfind('.')); }

/// The labels' text and what its numbers mean, from files or from the devkit.
struct Labels {
  std::string path;
  std::vector<std::string> lines;
  std::string ids_path;
  std::vector<std::string> ids;

  std::string class_of(const std::string& label, std::size_t line) const {
    const auto error = [&](const auto&... what) { return Error(str(path, ":", line + 1, ": ", what...)); };
    if (!std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; })) return label;
    if (ids.empty())
      throw error(
          "got the number ", label,
          ", expected the name of a class, like n01440764: for numbers, --class-ids names a file with the class of "
          "number 1 in its first line, of number 2 in its second, and so on");
    std::size_t number = 0;
    const auto [end, failure] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (failure != std::errc() || number < 1 || number > ids.size())
      throw error("got the number ", label, ", expected 1 to ", ids.size(), ", the classes in ", ids_path);
    return ids[number - 1];
  }
};

Labels read_labels(const LabelFiles& files) {
  Labels labels{files.labels, {}, files.class_ids, {}};
  if (files.labels.ends_with(".tar.gz")) {
    Devkit devkit = read_devkit(files.labels);
    labels.lines = std::move(devkit.ground_truth);
    labels.ids = std::move(devkit.class_ids);
    labels.ids_path = files.labels;
  } else {
    labels.lines = lines_of_file(files.labels);
  }
  if (!files.class_ids.empty()) {
    labels.ids = read_class_names(files.class_ids);
    labels.ids_path = files.class_ids;
  }
  return labels;
}

std::vector<std::string> in_order_of_names(const Labels& labels, const std::vector<std::string>& images) {
  if (labels.lines.size() != images.size())
    throw Error(str(labels.path, ": got ", labels.lines.size(), " lines, expected ", images.size(),
                    ": one for each image, in the order of their names"));
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto words = words_of(labels.lines[i]);
    if (words.size() != 1)
      throw Error(
          str(labels.path, ":", i + 1, ": got '", labels.lines[i], "', expected one label, as in the lines before"));
    classes.push_back(labels.class_of(words[0], i));
  }
  return classes;
}

std::vector<std::string> by_name(const Labels& labels, const std::vector<std::string>& images) {
  std::unordered_map<std::string, std::string> class_of;
  for (std::size_t i = labels.lines[0].starts_with("ImageId") ? 1 : 0; i < labels.lines.size(); ++i) {
    const auto words = words_of(labels.lines[i]);
    if (words.size() < 2)
      throw Error(str(labels.path, ":", i + 1, ": got '", labels.lines[i],
                      "', expected an image's name and its class, as in the lines before"));
    const std::string name = words[0].substr(words[0].rfind('/') + 1);
    if (!class_of.emplace(is_called_image(name) ? without_ending(name) : name, labels.class_of(words[1], i)).second)
      throw Error(str(labels.path, ":", i + 1, ": ", words[0], " has a label in a line before already: expected one"));
  }
  std::vector<std::string> classes;
  for (const auto& image : images) {
    const auto found = class_of.find(without_ending(image));
    if (found == class_of.end())
      throw Error(str(labels.path, ": no label for ", image, ": expected one for each image"));
    classes.push_back(found->second);
  }
  return classes;
}

}  // namespace

std::vector<std::string> classes_of_images(const std::vector<std::string>& images, const LabelFiles& files) {
  const Labels labels = read_labels(files);
  if (labels.lines.empty()) throw Error(str(files.labels, ": an empty file, expected labels"));
  auto classes = words_of(labels.lines[0]).size() > 1 ? by_name(labels, images) : in_order_of_names(labels, images);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i].find('/') != std::string::npos)
      throw Error(str(files.labels, ": ", images[i], ": got the class ", classes[i], ", expected a name without '/'"));
  return classes;
}

std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names = lines_of_file(path);
  if (names.empty()) throw Error(str(path, ": an empty file, expected the names of classes, one a line"));
  const auto first_word = [](const std::string& line) { return line.substr(0, line.find_first_of(" \t,")); };
  if (std::all_of(names.begin(), names.end(), [&](const auto& line) { return is_wnid(first_word(line)); }))
    for (auto& name : names) name = first_word(name);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || names[i].find('/') != std::string::npos)
      throw Error(str(path, ":", i + 1, ": got '", names[i], "', expected the name of a class, without '/'"));
    if (!seen.insert(names[i]).second)
      throw Error(str(path, ":", i + 1, ": ", names[i], " stands in a line before already: expected each class once"));
  }
  return names;
}

}  // namespace mosaic
