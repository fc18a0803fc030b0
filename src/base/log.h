#pragma once

#include <functional>
#include <string>

namespace mosaic {

/// Lines for people, on standard error, each with the time of day. Thread-safe.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Call once, before the first line. Rank 0 writes all lines from `least` up; the other ranks write warnings and errors,
/// each beginning with "rank R of N: ".
void start_log(int rank, int ranks, LogLevel least = LogLevel::kInfo);

void log_debug(const std::string& line);
void log_info(const std::string& line);
void log_warning(const std::string& line);
/// A warning that all ranks have, in the same words: rank 0 writes it.
void log_warning_of_all(const std::string& line);
void log_error(const std::string& line);

/// Called before each line is written: a progress bar clears the line of the terminal that it occupies. Empty for none.
void set_before_log(std::function<void()> hook);

}  // namespace mosaic
