#include "preprocess/numbered_classes.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "preprocess/image_labels.h"

namespace mosaic {

std::optional<std::int32_t> parse_label(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  if (begin == std::string::npos) return std::nullopt;
  std::int32_t label = 0;
  const char* last = text.data() + end + 1;
  const auto [after, failure] = std::from_chars(text.data() + begin, last, label);
  if (failure != std::errc() || after != last || label < 0) return std::nullopt;
  return label;
}

void name_classes(SourceList& list, const std::string& classes_file) {
  if (!classes_file.empty()) list.class_names = read_class_names(classes_file);
  list.classes_from = classes_file;
  std::vector<bool> used;
  for (const auto& file : list.files) {
    const std::int32_t most =
        classes_file.empty() ? kMostNumberedClasses : static_cast<std::int32_t>(list.class_names.size());
    if (file.label < 0 || file.label >= most)
      throw Error(str(list.where(file), ": label ", file.label, ": expected 0 to ", most - 1,
                      classes_file.empty() ? "" : ", one for each class in " + classes_file));
    const auto label = static_cast<std::size_t>(file.label);
    if (label >= used.size()) used.resize(label + 1);
    used[label] = true;
  }
  if (!classes_file.empty()) return;
  for (std::size_t label = 0; label < used.size(); ++label) {
    if (!used[label])
      throw Error(str(
          list.path, ": no image has label ", label, ", and the highest is ", used.size() - 1,
          ": expected numbers from 0 on without gaps: get what is missing, or name all classes with --classes FILE"));
    list.class_names.push_back(str(label));
  }
}

}  // namespace mosaic
