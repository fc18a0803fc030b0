#pragma once

#include <cstdint>

namespace mosaic {

/// Seconds since this process was started, to a hundredth.
double process_age();

/// Bytes of memory that this process has now.
std::int64_t resident_bytes();

/// Most that it had since it was started, or since the last call where the kernel allows that (Linux 4.0, /proc writable).
/// 0 where nothing is known.
std::int64_t take_peak_resident_bytes();

}  // namespace mosaic
