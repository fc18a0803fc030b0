#include "comm/mpi_background_mean.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/log.h"
#include "comm/activity.h"
#include "comm/mpi_call.h"
#include "comm/process_group.h"
#include "comm/slice_mean.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // offsets in a message are int
constexpr std::size_t kAlign = 16;                        // elements at which slices begin, for vector loads
constexpr std::chrono::microseconds kPause{50};           // between two looks whether the other ranks have come
constexpr double kSecond = 1e9;                           // nanoseconds

/// What each rank makes the mean of, in elements of one buffer.
struct Slices {
  std::size_t count, each;

  Slices(std::size_t elements, int ranks)
      : count(elements),
        each((elements + kAlign * static_cast<std::size_t>(ranks) - 1) / (kAlign * static_cast<std::size_t>(ranks)) *
             kAlign) {}
  std::size_t begin(int rank) const { return std::min(count, each * static_cast<std::size_t>(rank)); }
  std::size_t size(int rank) const { return begin(rank + 1) - begin(rank); }
};

/// The mean of one buffer at a time, on memory that is kept: an MPI_Allreduce would take fresh memory for each of its calls,
/// whose pages the kernel has to clear. Each rank gets its slice from all others, makes the mean, and sends that to all.
class Exchange {
 public:
  Exchange(MPI_Comm comm, WireType wire) : comm_(comm), wire_(wire) {
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
    check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  }

  void operator()(const Buffer& b) {
    if (b.type == ElementType::kFloat64)
      exchange<double, double>(static_cast<double*>(b.data), b.count);
    else if (wire_ == WireType::kSame)
      exchange<float, float>(static_cast<float*>(b.data), b.count);
    else
      exchange_rounded({static_cast<float*>(b.data), b.count});
  }

  std::size_t bytes(const Buffer& b) const {
    if (b.type == ElementType::kFloat64) return b.count * sizeof(double);
    return b.count * (wire_ == WireType::kSame ? sizeof(float) : sizeof(Bfloat16));
  }

 private:
  template <class Number, class Wire>
  void exchange(Number* data, std::size_t count) {
    const Slices slices(count, size_);
    scatter(reinterpret_cast<const std::byte*>(data), slices, sizeof(Number));
    Number* mine = data + slices.begin(rank_);
    mean_of_slices<Number, Wire>(received(mine, slices, sizeof(Number)), static_cast<std::size_t>(rank_),
                                 slices.size(rank_), mine);
    gather(reinterpret_cast<std::byte*>(data), slices, sizeof(Number));
  }

  void exchange_rounded(std::span<float> data) {
    const Slices slices(data.size(), size_);
    rounded_.resize(std::max(rounded_.size(), data.size()));
    round_to_bfloat16(data, rounded_.data());
    auto* wire = reinterpret_cast<std::byte*>(rounded_.data());
    scatter(wire, slices, sizeof(Bfloat16));
    const auto mine = data.subspan(slices.begin(rank_), slices.size(rank_));
    mean_of_slices<float, Bfloat16>(received(mine.data(), slices, sizeof(Bfloat16)), static_cast<std::size_t>(rank_),
                                    mine.size(), mine.data());
    round_to_bfloat16(mine, rounded_.data() + slices.begin(rank_));  // this rank, too, goes on with what the others get
    gather(wire, slices, sizeof(Bfloat16));
    widen_bfloat16({rounded_.data(), data.size()}, data.data());
  }

  /// Every rank's numbers of this rank's slice, into `incoming_`; its own stay where they are.
  void scatter(const std::byte* data, const Slices& slices, std::size_t element) {
    const int mine = bytes_of(slices.size(rank_), element);
    std::vector<int> counts(ranks()), offsets(ranks()), in_counts(ranks(), mine), in_offsets(ranks());
    for (int r = 0; r < size_; ++r) {
      counts[r] = bytes_of(slices.size(r), element);
      offsets[r] = bytes_of(slices.begin(r), element);
      in_offsets[r] = r * mine;
    }
    counts[rank_] = in_counts[rank_] = 0;
    incoming_.resize(std::max(incoming_.size(), ranks() * static_cast<std::size_t>(mine)));
    check_mpi(MPI_Alltoallv(data, counts.data(), offsets.data(), MPI_BYTE, incoming_.data(), in_counts.data(),
                            in_offsets.data(), MPI_BYTE, comm_),
              "MPI_Alltoallv");
  }

  /// All slices in the order of the ranks.
  std::vector<const void*> received(const void* own, const Slices& slices, std::size_t element) const {
    std::vector<const void*> all;
    for (int r = 0; r < size_; ++r)
      all.push_back(r == rank_ ? own : incoming_.data() + r * bytes_of(slices.size(rank_), element));
    return all;
  }

  /// Every rank's slice to all others, in place.
  void gather(std::byte* data, const Slices& slices, std::size_t element) {
    std::vector<int> counts(ranks()), offsets(ranks());
    for (int r = 0; r < size_; ++r) {
      counts[r] = bytes_of(slices.size(r), element);
      offsets[r] = bytes_of(slices.begin(r), element);
    }
    check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, data, counts.data(), offsets.data(), MPI_BYTE, comm_),
              "MPI_Allgatherv");
  }

  static int bytes_of(std::size_t elements, std::size_t element) { return static_cast<int>(elements * element); }
  std::size_t ranks() const { return static_cast<std::size_t>(size_); }

  MPI_Comm comm_;
  WireType wire_;
  int size_ = 1, rank_ = 0;
  std::vector<std::byte> incoming_;
  std::vector<Bfloat16> rounded_;
};

class MpiBackgroundMean : public BackgroundMean {
 public:
  MpiBackgroundMean(MPI_Comm ranks, WireType wire) : comm_(ranks), exchange_(comm_, wire) {
    int level = MPI_THREAD_SINGLE;
    check_mpi(MPI_Query_thread(&level), "MPI_Query_thread");
    if (level < MPI_THREAD_SERIALIZED) {
      log_warning("this MPI lets only the main thread call it: gradients are exchanged after the backward pass");
      return;
    }
    sigset_t all, before;  // signals are for the main thread
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~MpiBackgroundMean() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  MpiBackgroundMean(const MpiBackgroundMean&) = delete;
  MpiBackgroundMean& operator=(const MpiBackgroundMean&) = delete;

  void start(Buffer b, void* /*filled*/) override {
    assert((b.type == ElementType::kFloat32 || b.type == ElementType::kFloat64) && exchange_.bytes(b) <= kMostBytes);
    {
      const std::lock_guard lock(mutex_);
      if (failed_) std::rethrow_exception(failed_);
      queue_.push_back(b);
    }
    changed_.notify_all();
  }

  void wait() override {
    const Blocked posted;
    caller_waits_ = true;
    if (!thread_.joinable())
      for (; !queue_.empty(); queue_.pop_front()) make_mean(queue_.front());
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return queue_.empty() || failed_; });
    caller_waits_ = false;
    if (failed_) std::rethrow_exception(failed_);
  }

  double busy_seconds() const override { return static_cast<double>(busy_) / kSecond; }

 private:
  /// The thread: buffers in the order in which they come. One that is being worked on stays in the queue.
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      const Buffer b = queue_.front();
      lock.unlock();
      try {
        make_mean(b);
      } catch (...) {
        lock.lock();
        failed_ = std::current_exception();
        changed_.notify_all();
        return;
      }
      lock.lock();
      queue_.pop_front();
      if (queue_.empty()) changed_.notify_all();
    }
  }

  void make_mean(const Buffer& b) {
    const InCollective posted(Collective::kAllReduce, static_cast<std::int64_t>(exchange_.bytes(b)), Caller::kGoesOn);
    if (!wait_for_all_ranks()) return;
    const std::int64_t began = monotonic_nanoseconds();
    exchange_(b);
    busy_ += monotonic_nanoseconds() - began;
  }

  /// Until every rank has its buffer ready. MPI's own waiting would keep a core busy that the backward pass needs.
  /// @return false: given up
  bool wait_for_all_ranks() {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
    for (int all_are_here = 0;;) {
      check_mpi(MPI_Test(&request, &all_are_here, MPI_STATUS_IGNORE), "MPI_Test");
      if (all_are_here) return true;
      if (ending_) return false;
      caller_waits_ ? void(::sched_yield()) : std::this_thread::sleep_for(kPause);
    }
  }

  MPI_Comm comm_;
  Exchange exchange_;
  std::atomic<std::int64_t> busy_{0};  // nanoseconds
  std::atomic<bool> caller_waits_{false}, ending_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Buffer> queue_;   // guarded by `mutex_`, as is the next one
  std::exception_ptr failed_;  // why the thread has ended
  std::thread thread_;         // none: all is done in `wait`
};

}  // namespace

std::unique_ptr<BackgroundMean> mpi_background_mean(MPI_Comm ranks, WireType wire) {
  return std::make_unique<MpiBackgroundMean>(ranks, wire);
}

}  // namespace mosaic
