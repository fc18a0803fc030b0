#pragma once

#include <functional>
#include <memory>
#include <string>

#include "comm/activity_board.h"

namespace mosaic {

/// How long a phase may take before the run counts as hung.
struct HangLimits {
  double floor = 300;   // seconds; no phase has a shorter one. 0: no limit at all
  double first = 1800;  // seconds; for a phase that this process has not seen the end of yet: the start, the first step

  /// Ten times the longest so far, or one of the two above.
  double of(const PhaseTimes& times) const;
};

/// A thread that ends the job when this rank's phase (activity.h) takes too long. Without one, a rank that is stopped or stuck lets the
/// others wait for it until the batch system's limit, and nobody says which one it was.
/// At expiry one process of each node writes what its ranks are doing to FOLDER/hang-HOST.jsonl; after up to five seconds, in which the
/// other nodes do the same, the verdict on all of them goes to the log, and the job is aborted with kExitCrash.
/// A process that was itself stopped for a while and goes on (a suspended job) does not count the time.
class Watchdog {
 public:
  /// Starts the thread, with the default limits; until `watch` it can say only that this process hangs. Begins Phase::kStart.
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// From now on with the ranks of the node in view, and with these limits and the folder for the reports.
  void watch(const ActivityBoard& board, int rank, const HangLimits& limits, std::string folder);

  /// Called before the job is aborted, by a thread of its own, and not waited for: it may hang as well (the abort of a GPU's
  /// communicator). An empty one takes it back, and returns only when none is being called.
  void set_before_abort(std::function<void()> action);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mosaic
