#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace mosaic {

/// What a rank is doing, posted where a watchdog, of this process or of another one on the node, can read it at any time. Posting costs a
/// few nanoseconds: atomic stores, no lock, no system call. One activity per process, as there is one log: phases and places are the main
/// thread's, collectives those of whichever thread communicates, which is one at a time.

enum class Phase : int { kStart, kStep, kEvaluation, kCheckpoint, kEnd };
constexpr int kPhases = 5;
const char* name_of(Phase phase);

enum class Collective : int { kNone, kAllReduce, kBroadcast, kBarrier, kAgreement };
const char* name_of(Collective collective);

/// One rank's, in memory that the processes of a node share; times in nanoseconds of the node's monotonic clock.
struct ActivitySlot {
  std::atomic<std::int64_t> pid{0};
  std::atomic<std::int64_t> heartbeat{0};  // when its watchdog was last awake
  std::atomic<std::int64_t> phase{0}, phase_began{0};
  std::atomic<std::int64_t> step{-1}, batch{-1};  // of the run; of the epoch; from 0, -1 before the first
  std::atomic<std::int64_t> waits_for_data{0};    // 1: for the loader
  std::atomic<std::int64_t> collective{0};        // what it is in, Collective::kNone between two
  std::atomic<std::int64_t> collectives{0};       // how many it has entered: all ranks enter the same ones
  std::atomic<std::int64_t> bytes{0};             // of the one that it is in
  std::atomic<std::int64_t> blocked{0};           // nanoseconds that the main thread has spent in collectives

  /// All fields of `other`, one after the other.
  void copy_from(const ActivitySlot& other);
};

/// This process's slot; in memory of its own until `post_to` moves it.
ActivitySlot& activity();
/// From now on `slot`, which lives as long as the process. What was posted before is taken along.
void post_to(ActivitySlot& slot);

/// A new phase, or the next step of the same one: its time limit starts anew.
void begin_phase(Phase phase);
/// Where the run is.
void post_place(std::int64_t step, std::int64_t batch_in_epoch);

/// How long phases have taken in this process so far, for limits that fit the run.
struct PhaseTimes {
  std::int64_t ended = 0;  // how often
  double longest = 0;      // seconds; without the first one, which warms up, as soon as there is another
};
PhaseTimes times_of(Phase phase);

/// Seconds that this rank's main thread has spent in collectives: waiting for the others, and sending.
double seconds_in_collectives();

/// Counts as spent in collectives what lies between its beginning and its end.
class Blocked {
 public:
  Blocked();
  ~Blocked();
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;

 private:
  std::int64_t began_;
};

/// What the main thread does meanwhile. Where it goes on, the collective takes none of its time.
enum class Caller { kWaits, kGoesOn };

/// The rank is in a collective while this lives.
class InCollective {
 public:
  explicit InCollective(Collective collective, std::int64_t bytes = 0, Caller caller = Caller::kWaits);
  ~InCollective();
  InCollective(const InCollective&) = delete;
  InCollective& operator=(const InCollective&) = delete;

 private:
  std::optional<Blocked> blocked_;
};

/// A collective that the GPU will do in its turn: the rank counts as being in it until the next one.
void post_queued(Collective collective, std::int64_t bytes);

/// The rank waits for its loader while this lives.
class WaitingForData {
 public:
  WaitingForData() { activity().waits_for_data = 1; }
  ~WaitingForData() { activity().waits_for_data = 0; }
  WaitingForData(const WaitingForData&) = delete;
  WaitingForData& operator=(const WaitingForData&) = delete;
};

/// Nanoseconds of the clock that all processes of a node share.
std::int64_t monotonic_nanoseconds();

}  // namespace mosaic
