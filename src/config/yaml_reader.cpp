#include "config/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

// Builds the tree from the parser's events: YAML::Node would hide a key that is given twice.
class TreeBuilder : public YAML::EventHandler {
 public:
  // file: empty for the command line. path: the key that the document is the value of
  TreeBuilder(std::string file, std::span<const std::string> path) : file_(std::move(file)), path_(path) {}

  Value root;  // null if the document is empty

  Origin origin(const YAML::Mark& mark) const {
    if (file_.empty()) return {Layer::kCommandLine, "command line"};
    return {Layer::kFile, str(file_, ":", mark.line + 1)};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) fail(origin(mark), "got more text after the end of the YAML document, expected one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add({.origin = origin(mark)}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(origin(mark), "got an alias (*name), expected the value itself: settings are not shared by name");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    if (wants_key()) return start_entry(text, origin(mark));
    check_tag(tag, mark);
    const bool plain = tag.empty() || tag == "?";  // "!" is a quoted or block scalar
    if (text.find("${") != std::string::npos)
      fail(origin(mark), str("got ", text, ", but ${...} is not replaced here: write the value itself"));
    add({.kind = plain ? Value::Kind::kPlain : Value::Kind::kQuoted, .text = text, .origin = origin(mark)});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    start(Value::Kind::kList, mark, tag);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    start(Value::Kind::kMap, mark, tag);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Value value;  // a list or map whose end has not been seen
    std::optional<std::string> key;
    Origin key_origin;
  };

  bool wants_key() const { return !open_.empty() && open_.back().value.is_map() && !open_.back().key; }

  void start_entry(const std::string& key, const Origin& where) {
    if (const Value* first = open_.back().value.find(key)) {
      open_.back().key = key;  // for the message
      const std::string& place = first->origin.place;
      fail(where, str("this key is given twice", file_.empty() ? "" : str(", first at ", place), ": keep one"));
    }
    open_.back().key = key;
    open_.back().key_origin = where;
  }

  void start(Value::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    if (wants_key()) fail(origin(mark), "got a list or a map as a key, expected a word: is a ] or } missing?");
    check_tag(tag, mark);
    open_.push_back({.value = {.kind = kind, .origin = origin(mark)}, .key = {}, .key_origin = {}});
  }

  void end() {
    Value value = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(value));
  }

  void add(Value value) {
    if (wants_key()) fail(value.origin, "a key is missing before the colon");
    if (open_.empty()) {
      root = std::move(value);
    } else if (Open& parent = open_.back(); parent.value.is_map()) {
      value.origin = parent.key_origin;  // the line of a value is that of its key, also where it begins below
      parent.value.map.push_back({std::move(*parent.key), std::move(value)});
      parent.key.reset();
    } else {
      parent.value.list.push_back(std::move(value));
    }
  }

  void check_tag(const std::string& tag, const YAML::Mark& mark) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    fail(origin(mark), str("got the tag ", tag, ", expected a value without a tag"));
  }

  [[noreturn]] void fail(const Origin& where, const std::string& what) const {
    std::vector<std::string> keys(path_.begin(), path_.end());
    for (const Open& open : open_)
      if (open.key) keys.push_back(*open.key);
    throw Error(str(where.place, ": ", dotted(keys), keys.empty() ? "" : ": ", what));
  }

  std::string file_;
  std::span<const std::string> path_;
  std::vector<Open> open_;
  int documents_ = 0;
};

// The value of the only document in `text`.
Value build(const std::string& text, TreeBuilder& builder) {
  // yaml-cpp takes the end of the text for a missing quote or bracket, unless something stands on the last line.
  std::istringstream stream(text + "\n#");
  YAML::Parser parser(stream);
  while (parser.HandleNextDocument(builder)) continue;  // the builder refuses a second one
  return std::move(builder.root);
}

}  // namespace

Value read_yaml_file(const std::string& path) {
  const auto bytes = read_file(path);
  return read_yaml_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Value read_yaml_text(const std::string& text, const std::string& path) {
  TreeBuilder builder(path, {});
  Value value;
  try {
    value = build(text, builder);
  } catch (const YAML::Exception& e) {
    throw Error(str(path, ":", e.mark.line + 1, ":", e.mark.column + 1, ": this is not YAML: ", e.msg));
  }
  if (value.is_null()) throw Error(str(path, ": is empty, expected settings (key: value)"));
  if (!value.is_map())
    throw Error(str(value.origin.place, ": got ", describe(value), ", expected settings (key: value)"));
  value.origin.place = path;  // of a key that is missing there is no line
  return value;
}

Value read_yaml_argument(const std::string& text, std::span<const std::string> path) {
  TreeBuilder builder("", path);
  const std::string name = str("command line: ", dotted(path));
  Value value;
  try {
    value = build(text, builder);
  } catch (const YAML::Exception& e) {
    throw Error(str(name, ": got ", text, ", which is not YAML: ", e.msg));
  }
  value.origin = builder.origin({});
  return value;
}

}  // namespace mosaic
