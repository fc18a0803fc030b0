#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mosaic {

/// Rows of cells to lines for people: first column to the left, the others to the right, two spaces between.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

std::string with_separators(std::int64_t number);  // 1281167: "1,281,167"
std::string bytes_text(std::uint64_t bytes);       // 1610612736: "1.5 GiB"
std::string seconds_text(double seconds);          // 3725: "1:02:05"; 65: "1:05"

}  // namespace mosaic
