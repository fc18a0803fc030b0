#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "comm/activity.h"
#include "comm/mpi_session.h"

namespace mosaic {

/// What a rank was doing when somebody looked.
struct RankActivity {
  int rank = 0;
  std::string host;
  std::int64_t pid = 0;
  Phase phase = Phase::kStart;
  double seconds_in_phase = 0;
  std::int64_t step = -1, batch = -1;  // -1: before the first
  bool waits_for_data = false;
  Collective collective = Collective::kNone;  // that it is in
  std::int64_t collectives = 0;               // that it has entered
  std::int64_t bytes = 0;                     // of that one
  double seconds_silent = 0;  // since its watchdog was last awake: more than a few, and the process is stopped
};

/// The activities of the ranks of one node, in memory that their processes share. What is left of a rank that has died can still be read.
class ActivityBoard {
 public:
  /// Collective over all ranks; this process posts to the board from then on, also when the board has gone. Where the processes of a
  /// node have no shared memory in common (containers of their own), each has a board for itself.
  explicit ActivityBoard(const MpiSession& mpi);

  /// All ranks of this node, as they are now.
  std::vector<RankActivity> look() const;

  /// True for the first process of the node that calls it: that one speaks for the node.
  bool claim_report() const;

  /// Host of every rank, in their order.
  const std::vector<std::string>& hosts() const { return hosts_; }

 private:
  struct Memory;
  Memory* memory_;          // kept until the process ends: the main thread posts to it
  std::vector<int> ranks_;  // of the slots
  std::vector<std::string> hosts_;
};

}  // namespace mosaic
