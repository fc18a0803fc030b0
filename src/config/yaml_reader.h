#pragma once

#include <span>
#include <string>

#include "config/value.h"

namespace mosaic {

/// Read a YAML file that holds one map. Stricter than YAML: a key stands once in its map, there are no anchors to be
/// repeated, no tags but !!str, and no ${...}, which some programs would replace.
/// @throws Error "FILE:LINE[:COLUMN]: ..."; also if there is no such file, or if it is a folder or empty
Value read_yaml_file(const std::string& path);

/// The same, of the file's text. @param name  what messages call it
Value read_yaml_text(const std::string& text, const std::string& name);

/// Read the text of one value, written on the command line for the key `path`. Empty text is null.
/// @throws Error "command line: KEY: ..."
Value read_yaml_argument(const std::string& text, std::span<const std::string> path);

}  // namespace mosaic
