#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"

namespace mosaic {

/// Settings come in layers. A value of a later layer takes the place of that of an earlier one.
enum class Layer { kFile, kRecipe, kCommandLine };

/// Where a value was written.
struct Origin {
  Layer layer = Layer::kFile;
  std::string place;  // what messages about it begin with: "yamls/hot.yaml:31", "command line"
};

struct Entry;

/// One node of a YAML document. What a plain scalar means (a number, a time, a name) is decided by who reads it.
struct Value {
  enum class Kind { kNull, kPlain, kQuoted, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;         // of a scalar
  std::vector<Value> list;  // of a list
  std::vector<Entry> map;   // of a map: each key once, in the order of the document
  Origin origin;
  std::vector<Value> replaced;  // what `merge` has put this value in the place of, oldest first

  bool is_null() const { return kind == Kind::kNull; }
  bool is_map() const { return kind == Kind::kMap; }
  /// The value of `key` of a map; nullptr if it has none, or if this is no map.
  const Value* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Value value;
};

/// Put `over` over `base`: maps merge key by key, anything else is replaced as a whole, a map by null too.
void merge(Value& base, Value over);

/// {path[0]: {path[1]: ... leaf}}, each map with the origin of `leaf`.
Value nested(std::span<const std::string> path, Value leaf);

/// "optimizer.lr"
std::string dotted(std::span<const std::string> path);

/// As messages show a value: 0.5, "a string in quotes", [1, 2], a map of lr, momentum.
std::string describe(const Value& value);

/// A map as a YAML document: block style, lists in one line, strings in quotes where they need it.
std::string to_yaml(const Value& map);

/// Read a value as YAML 1.2's core schema has it: no yes and no, no 1:30, no octal 017 (0o17 it is). False, and `out` is
/// not to be used, if it is something else, does not fit the type, or is not finite.
bool convert(const Value& value, bool& out);
bool convert(const Value& value, int& out);
bool convert(const Value& value, std::int64_t& out);
bool convert(const Value& value, std::uint32_t& out);
bool convert(const Value& value, double& out);
bool convert(const Value& value,
             std::string& out);  // any scalar but null, as it is written: run_name=4711 needs no quotes
bool convert(const Value& value, Duration& out);  // with its unit
template <class T>
bool convert(const Value& value, std::optional<T>& out) {
  if (value.is_null()) return out.reset(), true;
  return convert(value, out.emplace());
}
template <class T>
bool convert(const Value& value, std::vector<T>& out) {
  if (value.kind != Value::Kind::kList) return false;
  out.assign(value.list.size(), T{});
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!convert(value.list[i], out[i])) return false;
  return true;
}
template <class T, std::size_t N>
bool convert(const Value& value, T (&out)[N]) {
  if (value.kind != Value::Kind::kList || value.list.size() != N) return false;
  for (std::size_t i = 0; i < N; ++i)
    if (!convert(value.list[i], out[i])) return false;
  return true;
}

/// The value that `convert` reads back to the same; doubles with as many digits as that takes.
Value to_value(bool x);
Value to_value(int x);
Value to_value(std::int64_t x);
Value to_value(std::uint32_t x);
Value to_value(double x);
Value to_value(const std::string& x);
Value to_value(const Duration& x);
template <class T>
Value to_value(const std::optional<T>& x) {
  return x ? to_value(*x) : Value{};
}
template <class T>
Value to_value(const std::vector<T>& x) {
  Value value{.kind = Value::Kind::kList};
  for (const T& item : x) value.list.push_back(to_value(item));
  return value;
}
template <class T, std::size_t N>
Value to_value(const T (&x)[N]) {
  Value value{.kind = Value::Kind::kList};
  for (const T& item : x) value.list.push_back(to_value(item));
  return value;
}

}  // namespace mosaic
