#pragma once

#include <cstdint>
#include <string>

namespace mosaic {

/// Bytes that this process could still take without anything being swapped or killed: what the kernel calls available, or less
/// where a control group (of a job or a container) has a limit; what it holds of files counts as free, as it can be dropped.
/// A very large number where nothing is known.
/// @param root  of the file system: another one in tests
std::int64_t available_memory(const std::string& root = "");

}  // namespace mosaic
