#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace mosaic {

/// What a process ends with. A batch system decides by it whether to start the job again.
enum ExitCode : int {
  kExitDone = 0,
  kExitCrash = 1,     // a bug, a lost rank, a broken machine: starting again may help
  kExitBadInput = 3,  // configuration, data or command line: starting again cannot help
  kExitSaved = 85,    // asked to stop, and saved: start again, and it goes on
};

/// Something that a user, a file or the cluster did. The message says where, what was found, what was expected and, if
/// it is not obvious, what to do. For what only a programmer can do there is `assert`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode exit_code = kExitBadInput)
      : std::runtime_error(message), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// All arguments, written one after the other: str("got ", 3, ", expected ", 4).
template <class... Args>
std::string str(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

}  // namespace mosaic
