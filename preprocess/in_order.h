#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace mosaic {

/// Compute `work(i)` for each i in [begin, end) on `threads` threads, and hand each result to `take(i, result)` on the calling
/// thread, in order: the outcome is that of a plain loop for any number of threads. At most 2 * threads + 2 results exist at
/// a time, so memory is bounded. The first exception in order, of `work` or `take`, ends everything and leaves this call.
template <class Result>
void in_order(std::int64_t begin, std::int64_t end, int threads, const std::function<Result(std::int64_t)>& work,
              const std::function<void(std::int64_t, Result&&)>& take) {
  struct Slot {
    std::optional<Result> result;
    std::exception_ptr failure;
    bool ready() const { return result || failure; }
  };
  std::vector<Slot> slots(static_cast<std::size_t>(2 * threads + 2));  // of item i: slots[i % size]
  const auto slot_of = [&](std::int64_t i) -> Slot& { return slots[static_cast<std::size_t>(i) % slots.size()]; };
  std::mutex mutex;
  std::condition_variable room, result;
  std::int64_t next = begin;   // to be worked on
  std::int64_t taken = begin;  // all before this one have been taken
  bool stop = false;

  const auto worker = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      room.wait(lock, [&] { return stop || next == end || next < taken + static_cast<std::int64_t>(slots.size()); });
      if (stop || next == end) return;
      const std::int64_t i = next++;
      lock.unlock();
      Slot done;
      try {
        done.result = work(i);
      } catch (...) {  // thrown again where the result is taken
        done.failure = std::current_exception();
      }
      lock.lock();
      slot_of(i) = std::move(done);
      result.notify_one();
    }
  };

  std::vector<std::jthread> workers;
  struct StopAtEnd {  // before the threads are joined, however this call ends
    std::mutex& mutex;
    std::condition_variable& room;
    bool& stop;
    ~StopAtEnd() {
      const std::lock_guard lock(mutex);
      stop = true;
      room.notify_all();
    }
  } stop_at_end{mutex, room, stop};
  for (int t = 0; t < threads; ++t) workers.emplace_back(worker);

  for (std::int64_t i = begin; i < end; ++i) {
    std::unique_lock lock(mutex);
    result.wait(lock, [&] { return slot_of(i).ready(); });
    Slot done = std::exchange(slot_of(i), Slot{});
    lock.unlock();
    if (done.failure) std::rethrow_exception(done.failure);
    take(i, std::move(*done.result));
    lock.lock();
    taken = i + 1;
    room.notify_all();
  }
}

}  // namespace mosaic
