#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mosaic {

/// Numbers as people read them.
std::string with_separators(std::int64_t number);       // 1281167: "1,281,167"
std::string bytes_text(std::uint64_t bytes);            // 1610612736: "1.5 GiB"
std::string seconds_text(double seconds);               // 3725: "1:02:05"; 65: "1:05"
std::string decimals(double value, int after_the_dot);  // 0.12345, 2: "0.12"

/// The lines of a text, without line feeds and carriage returns, and without empty ones at its end.
std::vector<std::string> lines_of(std::string_view text);

}  // namespace mosaic
