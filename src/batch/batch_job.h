#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "batch/batch_plan.h"
#include "batch/host_batch.h"

namespace mosaic {

/// A plan that is being worked off by threads.
struct PlanInWork {
  BatchPlan plan;
  std::int64_t opened = 0;                // batches that have a job or had one
  std::int64_t given = 0;                 // batches that the loader has given
  std::atomic<std::int64_t> asked_for{};  // images that the system was asked to read ahead

  explicit PlanInWork(BatchPlan p = {}) : plan(std::move(p)) {}
};

/// A batch that threads fill together. Each image is claimed and finished by one of them, without a lock: `claim` and `finish` may be
/// called by all at any time; the rest belongs to whoever holds the loader's lock.
class BatchJob {
 public:
  /// @param batch  its number in the plan
  /// @param slab   of its shape
  BatchJob(std::shared_ptr<PlanInWork> of_plan, std::int64_t batch, std::unique_ptr<Slab> to_fill)
      : plan(std::move(of_plan)),
        first(batch * plan->plan.batch_size),
        slab(std::move(to_fill)),
        size_(slab->size),
        wanted_(size_) {}

  /// An image of the batch that nobody fills yet, from 0; -1: none is left.
  std::int64_t claim() {
    if (!has_unclaimed()) return -1;
    const std::int64_t i = claimed_.fetch_add(1, std::memory_order_relaxed);
    return i < size_ ? i : -1;
  }
  bool has_unclaimed() const { return claimed_.load(std::memory_order_relaxed) < size_; }

  /// An image that was claimed is filled, or has failed. @return whether the batch is now done
  bool finish() { return finished_.fetch_add(1) + 1 == wanted_.load(); }

  /// From now on nothing can be claimed; done as soon as what was is finished.
  void close() { wanted_ = std::min(claimed_.exchange(size_), size_); }

  // Sequentially consistent, as `finish` and `close` are: of a thread that finishes the last image while another closes the job, one
  // sees that it is done.
  bool done() const { return finished_.load() == wanted_.load(); }

  const std::shared_ptr<PlanInWork> plan;
  const std::int64_t first;  // place in the plan of its first image
  std::unique_ptr<Slab> slab;
  std::exception_ptr failure;  // the first one

 private:
  static constexpr std::size_t kCacheLine = 64;
  const std::int64_t size_;
  alignas(kCacheLine) std::atomic<std::int64_t> claimed_{};
  alignas(kCacheLine) std::atomic<std::int64_t> finished_{};
  std::atomic<std::int64_t> wanted_;
};

}  // namespace mosaic
