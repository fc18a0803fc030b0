#include "config/recipe_block.h"

#include <algorithm>

#include "base/error.h"

namespace mosaic {
namespace {

std::vector<std::string> split_at_dots(const std::string& key) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t end = std::min(key.find('.', begin), key.size());
    parts.push_back(key.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void set_layer(Value& value, Layer layer) {
  value.origin.layer = layer;
  value.replaced.clear();
  for (Value& item : value.list) set_layer(item, layer);
  for (Entry& entry : value.map) set_layer(entry.value, layer);
}

/// The block with its dotted keys as maps, in the order of the block: a later one wins.
Value expand(const Value& block) {
  Value expanded{.kind = Value::Kind::kMap, .origin = block.origin};
  for (const Entry& entry : block.map) merge(expanded, nested(split_at_dots(entry.key), entry.value));
  set_layer(expanded, Layer::kRecipe);
  return expanded;
}

/// The names that messages offer: maps with at least one dotted key or `algorithms`.
std::string blocks_of(const Value& settings) {
  std::string names;
  for (const Entry& entry : settings.map) {
    const bool is_block = std::any_of(entry.value.map.begin(), entry.value.map.end(), [](const Entry& inner) {
      return inner.key == "algorithms" || inner.key.find('.') != std::string::npos;
    });
    if (is_block) names += (names.empty() ? "" : ", ") + entry.key;
  }
  return names;
}

void collect_overridden(const Value& value, std::vector<std::string>& path, std::vector<std::string>& sentences) {
  for (const Entry& entry : value.map) {
    path.push_back(entry.key);
    collect_overridden(entry.value, path, sentences);
    path.pop_back();
  }
  if (value.is_map() || value.origin.layer != Layer::kCommandLine) return;
  const auto recipe = std::find_if(value.replaced.rbegin(), value.replaced.rend(),
                                   [](const Value& old) { return old.origin.layer == Layer::kRecipe; });
  if (recipe == value.replaced.rend() || describe(*recipe) == describe(value)) return;
  sentences.push_back(str(dotted(path), ": the recipe has ", describe(*recipe), " (", recipe->origin.place,
                          "), the command line ", describe(value), ", which counts"));
}

}  // namespace

std::string apply_recipe(Value& settings, const Value& command_line) {
  const Value* name = settings.find("recipe_name");
  if (!name || name->is_null() || (name->kind == Value::Kind::kQuoted && name->text.empty())) return {};
  const std::string recipe = name->text;
  const Value* block = settings.find(recipe);
  if (!block || !block->is_map()) {
    const std::string names = blocks_of(settings);
    throw Error(
        str(name->origin.place, ": recipe_name: got ", describe(*name), ", expected ",
            names.empty() ? "null: this file has no recipe" : str("one of this file's recipes, ", names, ", or null")));
  }
  merge(settings, expand(*block));
  merge(settings, command_line);
  return recipe;
}

std::vector<std::string> overridden_by_command_line(const Value& settings) {
  std::vector<std::string> path, sentences;
  collect_overridden(settings, path, sentences);
  return sentences;
}

void ignore_recipe_blocks(Section& in) {
  for (const std::string& key : in.keys()) {
    if (in.knows(key)) continue;
    const Value& block = *in.find(key);
    const bool only_settings = std::all_of(block.map.begin(), block.map.end(), [&](const Entry& entry) {
      return in.knows(split_at_dots(entry.key).front());
    });
    // The published recipes' names may stand empty: a file without them is a copy of one with them.
    const bool is_published = key == "mild" || key == "medium" || key == "hot";
    if (block.map.empty() ? is_published && (block.is_null() || block.is_map()) : only_settings) in.ignore(key);
  }
}

}  // namespace mosaic
