#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// Rows of cells to lines for people: first column to the left, the others to the right, two spaces between.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace mosaic
