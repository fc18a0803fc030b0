#pragma once

#include <string>

namespace mosaic {

/// While it lives, the process has some seconds to go on. Then it says what it was at and ends with kExitCrash; the launcher ends
/// the other ranks. A check that waits for a rank or a network that does not answer cannot be ended in another way. One at a
/// time.
class TimeLimit {
 public:
  /// @param sentence  what to say: "all-reduce: a rank or the network does not answer"
  TimeLimit(int seconds, const std::string& sentence);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

}  // namespace mosaic
