#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace mosaic {

/// A name of the file and what it stands for.
template <class T>
struct Choice {
  std::string_view name;
  T value;
};

/// Strict reader of one map of the settings. It knows the file, line and dotted path of what it reads, so that each message
/// says where; it notes which keys were read, so that `reject_unknown_keys` finds the others; and it records the value that
/// each key has in the end, the default where nothing is given, in `resolved`.
/// Both trees outlive it. A copy goes on from where the original is.
class Section {
 public:
  /// The whole document. `resolved` is a map, usually empty.
  Section(const Value& settings, Value& resolved)
      : map_(&settings), resolved_(&resolved), place_(settings.origin.place) {}

  /// Read `key` into `field`; a key that is not there leaves the default that `field` has.
  /// @param expected  as the message has it: "a number in (0, 1]"
  /// @param check     false for a value out of range. The default is checked, too: the range may depend on other keys. For
  ///                  an optional field it is asked about the value, if there is one
  /// @throws Error "FILE:LINE: section.key: got VALUE, expected EXPECTED"
  template <class T, class Check>
  void read(const std::string& key, T& field, const std::string& expected, Check check) {
    if (const Value* value = take(key)) {
      if (!convert(*value, field) || !holds(check, field)) fail(key, *value, expected);
    } else if (!holds(check, field)) {
      fail_default(key, to_value(field), expected);
    }
    record(key, to_value(field));
  }
  template <class T>
  void read(const std::string& key, T& field, const std::string& expected) {
    read(key, field, expected, [](const auto&) { return true; });
  }

  /// The same, for a value that has a form of its own: bool read_value(const Value&, T& field).
  template <class T, class ReadValue>
  void read_with(const std::string& key, T& field, const std::string& expected, ReadValue read_value) {
    const Value* value = take(key);
    if (value && !read_value(*value, field)) fail(key, *value, expected);
    record(key, to_value(field));
  }

  /// One of a few names.
  template <class T>
  void read_choice(const std::string& key, T& field, std::initializer_list<Choice<T>> choices) {
    std::string name, names;
    for (const Choice<T>& choice : choices) {
      if (choice.value == field) name = choice.name;
      names += names.empty() ? "" : ", ";
      names += choice.name;
    }
    read_with(key, name, "one of " + names, [&](const Value& value, std::string& text) {
      if (!convert(value, text)) return false;
      for (const Choice<T>& choice : choices)
        if (choice.name == text) return field = choice.value, true;
      return false;
    });
  }

  /// The map that is the value of `key`; one without keys if it is not there.
  Section section(const std::string& key);

  /// The map that is the value of `key`; none if it is not there or null: what it describes is off.
  std::optional<Section> optional_section(const std::string& key);

  /// True for a key that was asked for, whether it is there or not.
  bool knows(std::string_view key) const { return std::find(known_.begin(), known_.end(), key) != known_.end(); }

  /// The keys that are there, in the order of the document.
  std::vector<std::string> keys() const;

  /// A key that may be there and is not read.
  void ignore(const std::string& key) { take(key); }

  /// The value as it was given, or nullptr: a look that counts as no reading.
  const Value* find(std::string_view key) const { return map_ ? map_->find(key) : nullptr; }

  /// Record what a value became after it was read, such as a path with a name filled in.
  void record(const std::string& key, Value value);

  /// "FILE:LINE: section.key: got VALUE, WHY" about a key that is there.
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;

  /// Call when all keys have been read.
  /// @throws Error that names the first key that nobody read, and the nearest known one or all
  void reject_unknown_keys() const;

  /// For a key without a default. Call after `reject_unknown_keys`, which says more about one that is misspelt.
  /// @throws Error if the key is not there
  void require(const std::string& key, const std::string& expected) const;

 private:
  const Value* take(const std::string& key);
  std::string name_of(const std::string& key) const;
  [[noreturn]] void fail(const std::string& key, const Value& value, const std::string& expected) const;
  [[noreturn]] void fail_default(const std::string& key, const Value& value, const std::string& expected) const;

  template <class Check, class T>
  static bool holds(Check& check, const T& field) {
    return check(field);
  }
  template <class Check, class T>
  static bool holds(Check& check, const std::optional<T>& field) {
    return !field || check(*field);
  }

  const Value* map_;  // nullptr: no such map was given
  Value* resolved_;   // the root of the record
  std::string place_;
  std::vector<std::string> path_;
  std::vector<std::string> known_;
};

}  // namespace mosaic
