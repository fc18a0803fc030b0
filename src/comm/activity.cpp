#include "comm/activity.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace mosaic {
namespace {

constexpr double kSecond = 1e9;  // nanoseconds

ActivitySlot own_slot;
std::atomic<ActivitySlot*> current_slot{&own_slot};

/// Written by the main thread, read by the watchdog.
struct Times {
  std::atomic<std::int64_t> ended{0}, longest{0};
};
std::array<Times, kPhases> phase_times;

void learn(Phase phase, std::int64_t nanoseconds) {
  Times& times = phase_times[static_cast<std::size_t>(phase)];
  const std::int64_t ended = ++times.ended;
  // The second one takes the place of the first, which counts only as long as nothing better is known.
  times.longest = ended <= 2 ? nanoseconds : std::max(times.longest.load(), nanoseconds);
}

}  // namespace

const char* name_of(Phase phase) {
  constexpr const char* kNames[kPhases] = {"start", "step", "evaluation", "checkpoint", "end"};
  return kNames[static_cast<int>(phase)];
}

const char* name_of(Collective collective) {
  constexpr const char* kNames[] = {"none", "all-reduce", "broadcast", "barrier", "agreement"};
  return kNames[static_cast<int>(collective)];
}

std::int64_t monotonic_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void ActivitySlot::copy_from(const ActivitySlot& other) {
  pid = other.pid.load();
  heartbeat = other.heartbeat.load();
  phase = other.phase.load(), phase_began = other.phase_began.load();
  step = other.step.load(), batch = other.batch.load();
  waits_for_data = other.waits_for_data.load();
  collective = other.collective.load();
  collectives = other.collectives.load();
  bytes = other.bytes.load();
  blocked = other.blocked.load();
}

ActivitySlot& activity() { return *current_slot.load(std::memory_order_relaxed); }

void post_to(ActivitySlot& slot) {
  slot.copy_from(activity());
  slot.pid = ::getpid();
  current_slot = &slot;
}

void begin_phase(Phase phase) {
  ActivitySlot& slot = activity();
  const std::int64_t now = monotonic_nanoseconds();
  if (const std::int64_t began = slot.phase_began; began != 0)
    learn(static_cast<Phase>(slot.phase.load()), now - began);
  slot.phase = static_cast<int>(phase);
  slot.phase_began = now;
}

void post_place(std::int64_t step, std::int64_t batch_in_epoch) {
  activity().step = step;
  activity().batch = batch_in_epoch;
}

PhaseTimes times_of(Phase phase) {
  const Times& times = phase_times[static_cast<std::size_t>(phase)];
  return {.ended = times.ended, .longest = static_cast<double>(times.longest) / kSecond};
}

double seconds_in_collectives() { return static_cast<double>(activity().blocked) / kSecond; }

void post_queued(Collective collective, std::int64_t bytes) {
  ActivitySlot& slot = activity();
  slot.bytes = bytes;
  ++slot.collectives;
  slot.collective = static_cast<int>(collective);
}

Blocked::Blocked() : began_(monotonic_nanoseconds()) {}

Blocked::~Blocked() { activity().blocked += monotonic_nanoseconds() - began_; }

InCollective::InCollective(Collective collective, std::int64_t bytes, Caller caller) {
  if (caller == Caller::kWaits) blocked_.emplace();
  post_queued(collective, bytes);
}

InCollective::~InCollective() { activity().collective = static_cast<int>(Collective::kNone); }

}  // namespace mosaic
