#include "config/section.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

// Levenshtein's: letters to insert, remove or change.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // distances between a[0, i) and the beginnings of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

Section Section::section(const std::string& key) {
  Section inner(*this);
  inner.map_ = take(key);
  inner.path_.push_back(key);
  inner.known_.clear();
  if (inner.map_) {
    if (!inner.map_->is_map()) fail(key, *inner.map_, "a map of settings");
    inner.place_ = inner.map_->origin.place;
  }
  return inner;
}

std::optional<Section> Section::optional_section(const std::string& key) {
  const Value* value = find(key);
  if (value && !value->is_null()) return section(key);
  ignore(key);
  record(key, {});
  return std::nullopt;
}

void Section::record(const std::string& key, Value value) {
  std::vector<std::string> path = path_;
  path.push_back(key);
  merge(*resolved_, nested(path, std::move(value)));
}

void Section::refuse(const std::string& key, const std::string& why) const {
  const Value& value = *find(key);
  throw Error(str(value.origin.place, ": ", name_of(key), ": got ", describe(value), ", ", why));
}

std::vector<std::string> Section::keys() const {
  std::vector<std::string> keys;
  if (map_)
    for (const Entry& entry : map_->map) keys.push_back(entry.key);
  return keys;
}

void Section::reject_unknown_keys() const {
  if (!map_) return;
  for (const Entry& entry : map_->map) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    std::string message = str(entry.value.origin.place, ": ", name_of(entry.key), ": unknown key; ");
    const auto nearest = std::min_element(known_.begin(), known_.end(), [&](const auto& a, const auto& b) {
      return edit_distance(entry.key, a) < edit_distance(entry.key, b);
    });
    if (nearest != known_.end() && edit_distance(entry.key, *nearest) <= std::max<std::size_t>(1, nearest->size() / 3))
      throw Error(str(message, "did you mean ", *nearest, "?"));
    std::string names;
    for (const std::string& key : known_) names += str(names.empty() ? "" : ", ", key);
    throw Error(str(message, path_.empty() ? "known are: " : "this section has: ", names));
  }
}

void Section::require(const std::string& key, const std::string& expected) const {
  if (!find(key)) throw Error(str(place_, ": ", name_of(key), ": this key is missing, expected ", expected));
}

const Value* Section::take(const std::string& key) {
  known_.push_back(key);
  return find(key);
}

std::string Section::name_of(const std::string& key) const {
  return path_.empty() ? key : str(dotted(path_), ".", key);
}

void Section::fail(const std::string& key, const Value& value, const std::string& expected) const {
  throw Error(str(value.origin.place, ": ", name_of(key), ": got ", describe(value), ", expected ", expected));
}

void Section::fail_default(const std::string& key, const Value& value, const std::string& expected) const {
  throw Error(str(place_, ": ", name_of(key), ": not given, and the default ", describe(value),
                  " does not fit, expected ", expected));
}

}  // namespace mosaic
