#pragma once

#include <cstdint>
#include <string>

namespace mosaic {

/// Numbers as people read them.
std::string with_separators(std::int64_t number);       // 1281167: "1,281,167"
std::string bytes_text(std::uint64_t bytes);            // 1610612736: "1.5 GiB"
std::string seconds_text(double seconds);               // 3725: "1:02:05"; 65: "1:05"
std::string decimals(double value, int after_the_dot);  // 0.12345, 2: "0.12"

}  // namespace mosaic
