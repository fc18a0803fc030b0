// What a step pays for being watched and timed: posts_bench
//
// Prints the nanoseconds of the main thread for all that a step of ResNet-50 on several ranks posts and times (its phase, its place, the
// wait for data, 26 buckets of gradients and four small collectives, twelve laps), while the watchdog looks on. Nothing is exchanged.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "comm/activity.h"
#include "comm/activity_board.h"
#include "comm/mpi_session.h"
#include "comm/watchdog.h"
#include "device/lap_timer.h"

int main(int argc, char** argv) {
  using namespace mosaic;
  constexpr int kSteps = 100'000, kRounds = 11, kBuckets = 26, kSmall = 4, kLaps = 12;
  Watchdog watchdog;
  const MpiSession mpi(argc, argv);
  const ActivityBoard board(mpi);
  watchdog.watch(board, mpi.rank(), {}, ".");
  LapTimer laps(at::kCPU, kLaps);

  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < kSteps; ++step) {
      begin_phase(Phase::kStep);
      post_place(step, step);
      { const WaitingForData posted; }
      for (int i = 0; i < kBuckets; ++i) const InCollective posted(Collective::kAllReduce, 4'000'000, Caller::kGoesOn);
      for (int i = 0; i < kSmall; ++i) const InCollective posted(Collective::kAllReduce, 8);
      for (std::size_t i = 0; i < kLaps; ++i) laps.enter(i);
      laps.take();
    }
    rounds.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() /
                     kSteps);
  }
  std::sort(rounds.begin(), rounds.end());
  std::printf("%.0f ns a step (%.0f to %.0f in %d rounds of %d)\n", rounds[kRounds / 2], rounds.front(), rounds.back(),
              kRounds, kSteps);
}
