#include "preprocess/web_dataset.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "preprocess/in_order.h"
#include "preprocess/numbered_classes.h"
#include "preprocess/source_reader.h"
#include "preprocess/tar_listing.h"

namespace mosaic {
namespace {

constexpr std::int64_t kMostLabelBytes = 1 << 20;  // of a .cls or .json

/// "a/b.c/0017.seg.png": "a/b.c/0017" and ".seg.png".
std::pair<std::string, std::string> key_and_ending(const std::string& name) {
  const std::size_t file = name.rfind('/') + 1;  // 0 if there is no folder
  const std::size_t dot = name.find('.', file);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot)};
}

/// One tar on its way into samples.
class TarReader {
 public:
  explicit TarReader(const std::string& path) : path_(path), file_(open_to_read(path)), state_(state_of(path)) {}

  std::vector<SourceFile> samples() {
    for (const auto& member : list_tar(file_, 0, state_.bytes, path_)) {
      const auto [key, ending] = key_and_ending(member.name);
      if (key != key_) end_sample();
      key_ = key;
      if (ending == ".cls")
        label_ = read_label(member);
      else if (ending == ".json" && !label_)
        label_ = read_json_label(member);
      else if (is_called_image(ending) && std::count(ending.begin(), ending.end(), '.') == 1)
        add_image(member);
    }
    end_sample();
    return std::move(samples_);
  }

 private:
  void add_image(const TarMember& member) {
    if (image_)
      throw Error(str(path_, ": ", member.name, ": a second image of the sample after ", image_->member,
                      ": expected one of each key"));
    image_ = SourceFile{.name = member.name,
                        .bytes = member.bytes,
                        .modified = state_.modified,
                        .offset = member.offset,
                        .member = member.name};
  }

  /// What has neither an image nor a label is no sample of ours.
  void end_sample() {
    const auto image = std::exchange(image_, std::nullopt);
    const auto label = std::exchange(label_, std::nullopt);
    if (!image) return;
    if (!label)
      throw Error(str(path_, ": ", image->member, ": no label: expected ", key_, ".cls beside it, or ", key_,
                      ".json with \"label\""));
    samples_.push_back(*image);
    samples_.back().label = *label;
  }

  std::string read_text(const TarMember& member) const {
    if (member.bytes > kMostLabelBytes)
      throw Error(str(path_, ": ", member.name, ": has ", member.bytes, " bytes, expected a label"));
    std::string text(static_cast<std::size_t>(member.bytes), '\0');
    read_at(file_, member.offset, std::as_writable_bytes(std::span(text)), path_);
    return text;
  }

  std::int32_t read_label(const TarMember& member) const {
    const std::string text = read_text(member);
    const auto label = parse_label(text);
    if (!label)
      throw Error(str(path_, ": ", member.name, ": got '", text.substr(0, 20), "', expected a number from 0 on"));
    return *label;
  }

  /// @return nothing if the text has no such key: it may be about something
  /// else
  std::optional<std::int32_t> read_json_label(const TarMember& member) const {
    const auto json = nlohmann::json::parse(read_text(member), nullptr, false);
    if (json.is_discarded()) throw Error(str(path_, ": ", member.name, ": not JSON"));
    for (const char* key : {"label", "cls"}) {
      if (!json.is_object() || !json.contains(key)) continue;
      const auto label = parse_label(json[key].dump());
      if (!label)
        throw Error(str(path_, ": ", member.name, ": ", key, ": got ", json[key].dump().substr(0, 20),
                        ", expected a number from 0 on"));
      return label;
    }
    return std::nullopt;
  }

  const std::string& path_;
  FileDescriptor file_;
  FileState state_;
  std::vector<SourceFile> samples_;
  std::string key_;
  std::optional<SourceFile> image_;
  std::optional<std::int32_t> label_;
};

}  // namespace

SourceList list_web_dataset(const std::string& path, const std::vector<std::string>& tars,
                            const std::string& classes_file, int threads) {
  SourceList list{path, {}, {}};
  const auto read = [&](std::int64_t i) { return TarReader(tars[static_cast<std::size_t>(i)]).samples(); };
  const auto take = [&](std::int64_t i, std::vector<SourceFile>&& samples) {
    list.containers.push_back({tars[static_cast<std::size_t>(i)], ""});
    for (auto& sample : samples) {
      sample.container = static_cast<std::int32_t>(i);
      list.files.push_back(std::move(sample));
    }
  };
  in_order<std::vector<SourceFile>>(0, static_cast<std::int64_t>(tars.size()), threads, read, take);
  if (list.files.empty())
    throw Error(str(path, ": no sample in these archives: expected KEY.jpg and KEY.cls one after the other"));
  name_classes(list, classes_file);
  for (auto& file : list.files) {
    const std::string prefix = list.class_names[static_cast<std::size_t>(file.label)] + "/";
    if (!file.name.starts_with(prefix)) file.name = prefix + file.name;
  }
  sort_as_folder(list);
  return list;
}

bool is_web_dataset(const std::string& tar) {
  const auto members = list_tar(tar);
  return std::any_of(members.begin(), members.end(), [](const TarMember& member) {
    const std::string ending = key_and_ending(member.name).second;
    return ending == ".cls" || ending == ".json";
  });
}

}  // namespace mosaic
