#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace mosaic {

/// Where the time of a loop goes: at every moment one of its parts has the clock, and each hands over to the next, so that the
/// parts add up to the whole. On a CPU this is the time of the calling thread, for tens of nanoseconds a lap; on a GPU that of
/// its default stream, by events that are read when the stream has passed them, without waiting for it.
class LapTimer {
 public:
  /// @param parts  how many there are; part 0 has the clock at first
  LapTimer(at::Device device, std::size_t parts);
  ~LapTimer();
  LapTimer(LapTimer&&) noexcept;
  LapTimer& operator=(LapTimer&&) = delete;

  /// From here on the time is part `part`'s.
  void enter(std::size_t part);

  /// Seconds of each part since the last call, as far as they are known: on a GPU those of laps that are over there, which are
  /// a step or so behind the calls.
  std::vector<double> take();

 private:
  class Clock;
  class HostClock;
  class GpuClock;
  std::unique_ptr<Clock> clock_;
};

}  // namespace mosaic
