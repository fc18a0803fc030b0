#pragma once

#include "config/recipe.h"
#include "config/section.h"

namespace mosaic {

/// The section `algorithms`: one map per technique, {} for its defaults; one that is missing or null is off.
void read(Section in, AlgorithmsConfig& c);

}  // namespace mosaic
