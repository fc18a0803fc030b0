#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "comm/team.h"
#include "preprocess/journal.h"
#include "preprocess/progress_line.h"

namespace mosaic {

/// What the processes that pack a split tell the first of them: how far they are, and which groups are in shards. That one shows the
/// progress of all and keeps the journal.
class PackReports {
 public:
  /// @param split, total, done  see ProgressLine: files
  /// @param keep   called on the first process, for each group of any
  PackReports(Team& team, const std::string& split, std::int64_t total, std::int64_t done, std::int64_t bad,
              std::function<void(PackedGroup)> keep);

  /// One more file is stored, or found to be bad.
  void add_file(bool is_bad);
  void add_group(PackedGroup group);
  /// Collective: this process has done its share. The first one keeps what the others report until all have.
  void end();

 private:
  void post_files();
  void take_posted();

  Team& team_;
  std::function<void(PackedGroup)> keep_;
  std::unique_ptr<ProgressLine> progress_;  // of the first process
  std::chrono::steady_clock::time_point posted_ = std::chrono::steady_clock::now();
  std::int64_t new_files_ = 0, new_bad_ = 0;  // of this process, not posted yet
  std::int64_t files_, bad_;                  // of all, as far as the first process knows
  int ended_ = 0;
};

}  // namespace mosaic
