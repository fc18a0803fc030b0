#pragma once

#include <string>

#include "plan/prediction.h"

namespace mosaic {

/// The table that people read: a line for each number, "measured" or "assumed" behind it, and at the end what was assumed.
std::string plan_text(const Prediction& prediction);

/// For programs, and for the run itself (outcome.h): every number as {"value", "low", "high", "measured", "assumed": [sentences]}.
std::string plan_json(const Prediction& prediction);

}  // namespace mosaic
