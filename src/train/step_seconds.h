#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace mosaic {

/// What a training step does, one after the other: at every moment one of these, see LapTimer.
enum class StepPart : std::size_t {
  kOutside,      // evaluations, checkpoints, the log: no part of a step
  kData,         // waiting for the loader
  kForward,      // mixing, net and loss
  kBackward,     // with what of the exchange of gradients goes on meanwhile
  kExchange,     // the rest of that exchange, for which this rank stands still
  kCollectives,  // running statistics, loss and whether it is finite: mostly waiting for other ranks
  kOptimizer,    // check of the gradients, update, SAM's way up and down
  kOther,        // what is done to the whole batch, EMA, and all between
};
constexpr std::size_t kStepParts = 8;

/// Where the time of a rank's training steps goes, in seconds: of one step, of the mean step, or of all.
struct StepSeconds {
  double data = 0, forward = 0, backward = 0, exchange = 0, collectives = 0, optimizer = 0, other = 0;
  double exchange_busy = 0;  // what the exchange of gradients takes by itself, in the background or not: in no sum

  /// What the rank takes by itself: the others wait for that.
  double own() const { return data + forward + backward + optimizer + other; }
  /// All of it.
  double whole() const { return own() + exchange + collectives; }
};

/// Every number of StepSeconds under its name in the files that a run leaves.
inline constexpr std::pair<const char*, double StepSeconds::*> kStepSeconds[] = {
    {"data", &StepSeconds::data},
    {"forward", &StepSeconds::forward},
    {"backward", &StepSeconds::backward},
    {"exchange", &StepSeconds::exchange},
    {"collectives", &StepSeconds::collectives},
    {"optimizer", &StepSeconds::optimizer},
    {"other", &StepSeconds::other},
    {"exchange_busy", &StepSeconds::exchange_busy}};

/// @param laps  of each StepPart, as LapTimer::take gives them
StepSeconds step_seconds(const std::vector<double>& laps, double exchange_busy);

/// number by number
StepSeconds operator+(const StepSeconds& a, const StepSeconds& b);
StepSeconds operator/(const StepSeconds& a, double divisor);

/// In the order of kStepSeconds, and back.
std::vector<double> numbers_of(const StepSeconds& seconds);
StepSeconds step_seconds_of(const std::vector<double>& numbers);

}  // namespace mosaic
