#pragma once

#include <string>
#include <vector>

#include "config/value.h"

namespace mosaic {

/// The arguments KEY=VALUE of the command line as one tree of Layer::kCommandLine, ready to be merged over a file.
/// KEY is a dotted path, `optimizer.lr`; brackets hold a key that has dots itself, `mild[train_dataset.crop_size]`.
/// VALUE, all behind the first '=', is YAML; nothing there is null. Of two arguments for a key the later one counts.
/// @throws Error "command line: ..."
Value read_overrides(const std::vector<std::string>& arguments);

}  // namespace mosaic
