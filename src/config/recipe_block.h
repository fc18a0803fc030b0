#pragma once

#include <string>
#include <vector>

#include "config/section.h"
#include "config/value.h"

namespace mosaic {

/// A recipe is a block of the file, under any name: settings that take the place of those outside it when `recipe_name` names
/// it. Its keys may be dotted: `train_dataset.crop_size: 176`.

/// Put the block that `settings` itself chooses over `settings`, and `command_line` over both.
/// @return the recipe's name; "" if there is none
/// @throws Error if there is no such block, naming those that there are
std::string apply_recipe(Value& settings, const Value& command_line);

/// One sentence for each value of a recipe that the command line has taken the place of.
std::vector<std::string> overridden_by_command_line(const Value& settings);

/// Let the recipe blocks that stand beside the settings pass: maps under names that are no setting's, whose keys are.
/// Call when all settings have been read.
void ignore_recipe_blocks(Section& in);

}  // namespace mosaic
