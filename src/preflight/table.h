#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "comm/mpi_session.h"

namespace mosaic {

enum class Verdict { kOk, kWarning, kBad };

/// What one check has found.
struct Row {
  std::string name;                    // "all-reduce of 102 MB"
  std::string found;                   // "14.2 ms, 12.6 GB/s"
  std::string expected = {};           // "at least 1 GB/s"; empty where there is nothing to compare with
  Verdict verdict = Verdict::kOk;      // kBad: a run would not start, or not end
  ExitCode exit_code = kExitBadInput;  // what a bad row makes of the job
};

/// "ok    all-reduce of 102 MB  14.2 ms, 12.6 GB/s": one line; another one for `expected` if the verdict is not kOk.
std::string row_text(const Row& row);

/// The rows of all checks, the same on all ranks.
class Table {
 public:
  /// @param prints  true on the rank that prints each row on standard output, at once: if a check hangs, it is the one behind the
  ///                last row
  explicit Table(bool prints) : prints_(prints) {}

  void add(const Row& row);

  /// Collective: `check` on each rank; if it throws on any, what it says becomes a bad row on all.
  /// @return true if it threw nowhere
  template <class Check>
  bool passes(const std::string& name, Check check) {
    try {
      agree(check);
      return true;
    } catch (const AgreedError& e) {  // a fault is a result here: the other checks go on
      add_fault(name, e.what(), e.exit_code());
      return false;
    }
  }

  /// @throws AgreedError if a row is bad, with kExitBadInput if starting again cannot help
  void finish() const;

 private:
  void add_fault(const std::string& name, const std::string& sentence, ExitCode exit_code);

  bool prints_;
  std::vector<Row> rows_;
};

}  // namespace mosaic
