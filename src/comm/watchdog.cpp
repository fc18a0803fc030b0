#include "comm/watchdog.h"

#include <mpi.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "comm/hang_report.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick{500};     // between two looks
constexpr double kSuspended = 3;       // seconds between two looks that can only be a stopped process
constexpr seconds kWaitForReports{5};  // of other nodes
constexpr seconds kWaitForAbort{5};    // then this process ends by itself
constexpr double kTimesLongest = 10;   // what is no longer slow but hung
constexpr double kSecond = 1e9;        // nanoseconds

std::string whole(double seconds_value) { return decimals(seconds_value, 0) + " s"; }

std::string report_path(const std::string& folder, const std::string& host) {
  return folder + "/hang-" + host + ".jsonl";
}

/// What the nodes of a job that hangs know of their ranks.
struct Reports {
  std::mutex mutex;
  std::condition_variable changed;
  // All guarded by `mutex`.
  std::vector<RankActivity> known;
  std::set<std::string> from;  // these nodes
  bool complete = false;

  /// Write this node's, then add those of the others as they appear, for a while.
  void exchange(const std::string& folder, const std::string& host, const std::vector<std::string>& hosts) {
    const auto recent = fs::file_time_type::clock::now() - std::chrono::minutes(2);  // older ones are of another hang
    std::vector<RankActivity> mine;
    {
      const std::lock_guard lock(mutex);
      mine = known;
    }
    try {
      fs::create_directories(folder);
      write_file_atomically(report_path(folder, host), report_of_node(mine, static_cast<int>(hosts.size())));
    } catch (const std::exception& e) {  // the verdict is more important
      log_warning(str("cannot write ", report_path(folder, host), ": ", e.what()));
    }
    std::set<std::string> others(hosts.begin(), hosts.end());
    others.erase(host);
    for (const auto end = std::chrono::steady_clock::now() + kWaitForReports;
         !others.empty() && std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(milliseconds(100)))
      std::erase_if(others, [&](const std::string& other) { return add(report_path(folder, other), other, recent); });
    const std::lock_guard lock(mutex);
    complete = true;
    changed.notify_all();
  }

 private:
  /// @return false: it is not there yet
  bool add(const std::string& path, const std::string& host, fs::file_time_type recent) {
    std::error_code missing;
    const auto written = fs::last_write_time(path, missing);
    if (missing || written < recent) return false;
    try {
      const auto bytes = read_file(path);
      const auto more = read_report({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      const std::lock_guard lock(mutex);
      known.insert(known.end(), more.begin(), more.end());
      from.insert(host);
      return true;
    } catch (const Error&) {
      return false;
    }
  }
};

}  // namespace

double HangLimits::of(const PhaseTimes& times) const {
  if (times.ended == 0) return std::max(floor, first);
  return std::max(floor, kTimesLongest * times.longest);
}

struct Watchdog::State {
  std::mutex mutex;
  std::condition_variable wake;
  bool ending = false;  // guarded by `mutex`, as all below
  HangLimits limits;
  std::string folder;
  std::optional<ActivityBoard> board;
  int rank = 0;

  std::mutex action_mutex;
  std::function<void()> before_abort;  // guarded by `action_mutex`

  std::thread thread;

  /// Until the watchdog is no longer needed, or this rank has overrun its limit.
  void run() {
    std::int64_t last_look = monotonic_nanoseconds();
    std::int64_t phase_began = 0, suspended = 0;  // nanoseconds; since the phase began
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, kTick, [this] { return ending; })) {
      ActivitySlot& slot = activity();
      const std::int64_t now = monotonic_nanoseconds();
      slot.heartbeat = now;
      if (const std::int64_t began = slot.phase_began; began != phase_began) phase_began = began, suspended = 0;
      if (static_cast<double>(now - last_look) > kSuspended * kSecond) suspended += now - last_look;
      last_look = now;
      const auto phase = static_cast<Phase>(slot.phase.load());
      const double limit = limits.of(times_of(phase));
      const double elapsed = static_cast<double>(now - phase_began - suspended) / kSecond;
      if (limits.floor > 0 && elapsed > limit && slot.phase_began == phase_began) {
        lock.unlock();  // nothing changes any more: the process ends here
        tell(phase, elapsed, limit);
        end_job();
      }
    }
  }

  /// One process of the node writes the report, one of all gives the verdict.
  void tell(Phase phase, double elapsed, double limit) {
    const std::string what =
        str("hung: ", name_of(phase), " has taken ", whole(elapsed), ", and its limit is ", whole(limit));
    if (!board) {
      log_error(what + " (hang_limit, hang_limit_first)");
      return;
    }
    if (!board->claim_report()) {  // the one that has claimed it ends the job before this is over
      std::this_thread::sleep_for(kWaitForReports + seconds(3));
      return;
    }
    const std::vector<std::string>& hosts = board->hosts();
    const std::string& host = hosts[static_cast<std::size_t>(rank)];
    // By a thread of its own: the file system may be what hangs.
    const auto reports = std::make_shared<Reports>();
    reports->known = board->look();
    reports->from = {host};
    std::thread([reports, folder = folder, host, hosts] { reports->exchange(folder, host, hosts); }).detach();
    std::unique_lock lock(reports->mutex);
    reports->changed.wait_for(lock, kWaitForReports + seconds(1), [&] { return reports->complete; });

    // The first of the nodes that have reported speaks.
    const auto first =
        std::find_if(hosts.begin(), hosts.end(), [&](const std::string& h) { return reports->from.count(h) > 0; });
    if (*first == host)
      log_error(str(what, ": the job is ended. ", verdict(reports->known, hosts),
                    "\nWhat each rank was doing: ", report_path(folder, "*")));
    else
      std::this_thread::sleep_for(seconds(1));
  }

  [[noreturn]] void end_job() {
    // Each may wait for what hangs.
    std::atomic<bool> acted{false};
    std::thread([this, &acted] {
      const std::lock_guard lock(action_mutex);
      if (before_abort) before_abort();
      acted = true;
    }).detach();
    for (int i = 0; i < 20 && !acted; ++i) std::this_thread::sleep_for(milliseconds(100));
    std::thread([] {
      int started = 0, ended = 0;
      MPI_Initialized(&started);
      MPI_Finalized(&ended);
      if (started && !ended) MPI_Abort(MPI_COMM_WORLD, kExitCrash);
      std::_Exit(kExitCrash);
    }).detach();
    std::this_thread::sleep_for(kWaitForAbort);
    std::_Exit(kExitCrash);
  }
};

Watchdog::Watchdog() : state_(std::make_unique<State>()) {
  begin_phase(Phase::kStart);
  activity().heartbeat = monotonic_nanoseconds();
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_all();
  state_->thread.join();
}

void Watchdog::watch(const ActivityBoard& board, int rank, const HangLimits& limits, std::string folder) {
  const std::lock_guard lock(state_->mutex);
  state_->board = board;
  state_->rank = rank;
  state_->limits = limits;
  state_->folder = std::move(folder);
}

void Watchdog::set_before_abort(std::function<void()> action) {
  const std::lock_guard lock(state_->action_mutex);
  state_->before_abort = std::move(action);
}

}  // namespace mosaic
