#include "config/value.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

bool is_letter(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z'); }

// Whether any YAML reader, 1.1 ones too, takes the bare text for a string.
bool needs_no_quotes(const std::string& text) {
  if (text.empty() || !(is_letter(text[0]) || text[0] == '/' || text[0] == '_')) return false;
  for (const char c : text)
    if (!is_letter(c) && !('0' <= c && c <= '9') && std::string_view("/_-.").find(c) == std::string_view::npos)
      return false;
  std::string lower = text;
  for (char& c : lower)
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  constexpr std::string_view kOtherMeanings[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  return std::find(std::begin(kOtherMeanings), std::end(kOtherMeanings), lower) == std::end(kOtherMeanings);
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
      result += escape;
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string flow_text(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kPlain:
      return value.text;
    case Value::Kind::kQuoted:
      return needs_no_quotes(value.text) ? value.text : quoted(value.text);
    case Value::Kind::kList: {
      std::string items;
      for (const Value& item : value.list) items += str(items.empty() ? "" : ", ", flow_text(item));
      return str("[", items, "]");
    }
    case Value::Kind::kMap: {
      std::string entries;
      for (const auto& [key, item] : value.map) entries += str(entries.empty() ? "" : ", ", key, ": ", flow_text(item));
      return str("{", entries, "}");
    }
  }
  return "";
}

void write_block(const Value& map, const std::string& indent, std::string& out) {
  for (const auto& [key, value] : map.map) {
    out += str(indent, key, ":");
    if (value.is_map() && !value.map.empty()) {
      out += "\n";
      write_block(value, indent + "  ", out);
    } else {
      out += str(" ", flow_text(value), "\n");
    }
  }
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  for (const Entry& entry : map)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

void merge(Value& base, Value over) {
  if (!base.is_map() || !over.is_map()) {
    std::vector<Value> history = std::move(base.replaced);
    base.replaced.clear();
    history.push_back(std::move(base));
    history.insert(history.end(), std::make_move_iterator(over.replaced.begin()),
                   std::make_move_iterator(over.replaced.end()));
    over.replaced = std::move(history);
    base = std::move(over);
    return;
  }
  for (Entry& entry : over.map) {
    const auto same_key = [&](const Entry& other) { return other.key == entry.key; };
    const auto old = std::find_if(base.map.begin(), base.map.end(), same_key);
    if (old == base.map.end()) {
      base.map.push_back(std::move(entry));
    } else {
      merge(old->value, std::move(entry.value));
    }
  }
}

Value nested(std::span<const std::string> path, Value leaf) {
  for (auto key = path.rbegin(); key != path.rend(); ++key) {
    Value map{.kind = Value::Kind::kMap, .origin = leaf.origin};
    map.map.push_back({*key, std::move(leaf)});
    leaf = std::move(map);
  }
  return leaf;
}

std::string dotted(std::span<const std::string> path) {
  std::string result;
  for (const std::string& key : path) result += str(result.empty() ? "" : ".", key);
  return result;
}

std::string describe(const Value& value) {
  std::string text = value.kind == Value::Kind::kQuoted ? quoted(value.text) : flow_text(value);
  if (value.is_map()) {
    text = value.map.empty() ? "an empty map" : "a map of ";
    for (const Entry& entry : value.map) text += str(&entry == &value.map.front() ? "" : ", ", entry.key);
  }
  constexpr std::size_t kMost = 200;  // bytes: a message should stay readable
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

std::string to_yaml(const Value& map) {
  std::string out;
  write_block(map, "", out);
  return out;
}

}  // namespace mosaic
