#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace mosaic::test {

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;     // standard output
  std::string err;     // standard error
};

/// The real program, with these arguments.
Outcome run_preprocess(const std::vector<std::string>& arguments);

/// The same, not waited for, its output thrown away. Ask `wait_for` at last.
pid_t start_preprocess(const std::vector<std::string>& arguments);
int wait_for(pid_t process);  // exit code, -1 if a signal ended it

/// The program with its standard error on a terminal: what it wrote there.
std::string run_preprocess_on_terminal(const std::vector<std::string>& arguments);

/// SHA-256 of each shard of each split that it has written to `folder`.
std::vector<std::string> shard_digests(const std::string& folder);

}  // namespace mosaic::test
