#include "batch/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "batch/batch_job.h"
#include "batch/sample_filler.h"
#include "packed/kernel_choice.h"
#include "packed/resize_plan.h"

namespace mosaic {
namespace {

constexpr std::chrono::seconds kStall{10};  // of a wait for a batch

constexpr double kSlowRead = 200e-6;  // seconds; a page cache takes a tenth of that
constexpr std::int64_t kAhead =
    256;                        // images that the system is asked for ahead of those in work, where reads are slow
constexpr int kMostHints = 16;  // at once

/// The sample that a worker is filling in; -1: none.
struct alignas(64) InWork {
  std::atomic<std::int64_t> sample{-1};
};

}  // namespace

/// Shared with the slabs that are out: they come back even after the loader has gone.
/// The lock is taken for whole batches: to open one, to tell that it is done, to give it away. Images are claimed without.
struct Loader::State : std::enable_shared_from_this<Loader::State> {
  std::shared_ptr<const ShardSet> shards;
  View view;
  SampleReader reader;
  Replacements replacements;
  std::function<void(std::int64_t, std::int64_t)> opened;
  int depth;
  std::vector<InWork> in_work;  // of each worker

  std::mutex mutex;
  std::condition_variable work_to_do, something_done;

  // All below: guarded by `mutex`.
  bool stopping = false;
  std::shared_ptr<PlanInWork> plan = std::make_shared<PlanInWork>();  // that `next` gives batches of
  std::shared_ptr<PlanInWork> next_plan;                              // nullptr until `following` has made it
  MakePlan following;                                                 // empty: there is none, or it is being made
  bool making_plan = false;                                           // by a worker, or by `go_on`
  std::exception_ptr following_failure;
  std::deque<std::shared_ptr<BatchJob>> jobs;  // in the order of the batches; the front is what `next` gives
  std::vector<std::unique_ptr<Slab>> spare;    // slabs to fill; all are made by `start`, none while training
  int slabs = 0;                               // made so far
  double waited = 0;

  std::vector<std::thread> workers;

  State(std::shared_ptr<const ShardSet> s, View v, int threads, int d)
      : shards(std::move(s)), view(v), reader(shards, v), depth(d), in_work(static_cast<std::size_t>(threads)) {}

  int side_of(const BatchPlan& of, std::int64_t batch) const {
    return of.sides.empty() ? view.side() : of.sides[static_cast<std::size_t>(batch)];
  }

  /// Give `slab` its shape; memory that it had before is used again.
  static void shape(Slab& slab, std::int64_t size, int side) {
    slab.size = size;
    slab.side = side;
    const std::size_t bytes = static_cast<std::size_t>(size) * side * side * 3;
    if (bytes > slab.images.capacity()) slab.pinned.reset();
    slab.images.resize(bytes);
    slab.labels.resize(static_cast<std::size_t>(size));
  }

  /// The plan to open the next batch of; nullptr if all have been opened.
  std::shared_ptr<PlanInWork> plan_to_open() const {
    for (const auto& one : {plan, next_plan})
      if (one && one->opened < one->plan.batches()) return one;
    return nullptr;
  }

  /// A batch with images to fill; nullptr if all slabs are full or the plans are at their end.
  std::shared_ptr<BatchJob> find_work() {
    for (const auto& job : jobs)
      if (job->has_unclaimed()) return job;
    auto open = plan_to_open();
    if (!open || static_cast<int>(jobs.size()) >= depth || spare.empty()) return nullptr;
    const std::int64_t batch = open->opened++;
    if (opened) opened(open->plan.epoch, open->plan.first + batch);
    std::unique_ptr<Slab> slab = std::move(spare.back());
    spare.pop_back();
    const std::int64_t left = static_cast<std::int64_t>(open->plan.samples.size()) - batch * open->plan.batch_size;
    shape(*slab, std::min(open->plan.batch_size, left), side_of(open->plan, batch));
    jobs.push_back(std::make_shared<BatchJob>(std::move(open), batch, std::move(slab)));
    return jobs.back();
  }

  /// Waits for work. @return nullptr at the loader's end
  std::shared_ptr<BatchJob> wait_for_work() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (following && plan->opened == plan->plan.batches()) {
        make_following(lock);
        continue;
      }
      if (auto job = find_work()) return job;
      work_to_do.wait(lock);
    }
    return nullptr;
  }

  /// With the lock held, which it gives up meanwhile.
  void make_following(std::unique_lock<std::mutex>& lock) {
    const MakePlan make = std::exchange(following, {});
    const std::shared_ptr<PlanInWork> before = plan;
    making_plan = true;
    lock.unlock();
    std::shared_ptr<PlanInWork> made;
    std::exception_ptr failure;
    try {
      made = std::make_shared<PlanInWork>(make());
    } catch (...) {  // thrown by `go_on`
      failure = std::current_exception();
      made = std::make_shared<PlanInWork>();
    }
    lock.lock();
    making_plan = false;
    if (plan == before) {  // else `start` has dropped both meanwhile
      next_plan = std::move(made);
      following_failure = failure;
    }
    something_done.notify_all();
    work_to_do.notify_all();
  }

  void work(std::size_t worker) {
    SampleFiller filler(*shards, view, reader, replacements);
    while (const auto job = wait_for_work()) {
      const BatchPlan& of = job->plan->plan;
      for (std::int64_t i = job->claim(); i >= 0; i = job->claim()) {
        const std::int64_t place = job->first + i, sample = of.samples[static_cast<std::size_t>(place)];
        in_work[worker].sample.store(sample, std::memory_order_relaxed);
        try {
          if (!of.disk_order.empty() || filler.read_seconds() > kSlowRead) read_ahead(*job->plan, place);
          filler.fill(*job->slab, i, of.epoch, sample);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!job->failure) job->failure = std::current_exception();
        }
        in_work[worker].sample.store(-1, std::memory_order_relaxed);
        if (job->finish()) {
          const std::lock_guard lock(mutex);
          something_done.notify_all();
        }
      }
    }
  }

  /// Ask the system for images of the plan that come some time after the one at `place`.
  void read_ahead(PlanInWork& of, std::int64_t place) const {
    const bool sorted = !of.plan.disk_order.empty();
    const std::vector<std::int64_t>& order = sorted ? of.plan.disk_order : of.plan.samples;
    const std::int64_t ahead = sorted ? of.plan.ahead : kAhead, end = static_cast<std::int64_t>(order.size());
    std::int64_t first = 0, last = 0, asked_for = of.asked_for.load(std::memory_order_relaxed);
    do {
      first = sorted ? asked_for : std::max(asked_for, place + 1);
      last = std::min({end, place + 1 + ahead, first + kMostHints});
      if (last <= first) return;
    } while (!of.asked_for.compare_exchange_weak(asked_for, last, std::memory_order_relaxed));
    for (; first < last; ++first) shards->read_ahead(order[static_cast<std::size_t>(first)]);
  }

  /// What the workers are reading or decoding: "sample 17 of train-00003.h5". Touches no file.
  std::string work_in_hand() const {
    std::string text;
    for (const InWork& worker : in_work)
      if (const std::int64_t sample = worker.sample.load(std::memory_order_relaxed); sample >= 0)
        text += str(text.empty() ? "" : ", ", "sample ", sample, " of ", shards->path_of(sample));
    return text.empty() ? "nothing" : text;
  }

  HostBatch hand_out(std::unique_ptr<Slab> slab) {
    return HostBatch(slab.release(), [state = shared_from_this()](const Slab* used) {
      {
        const std::lock_guard lock(state->mutex);
        state->spare.emplace_back(const_cast<Slab*>(used));
      }
      state->work_to_do.notify_all();
    });
  }
};

std::int64_t Loader::batch_bytes(std::int64_t images, int side) {
  return images * (std::int64_t{3} * side * side + std::int64_t{sizeof(std::int64_t)});
}

std::int64_t Loader::thread_bytes(const ShardSet& shards, const View& view) {
  std::int64_t record = 0, width = 0, height = 0, whole_pixels = 0;
  for (std::int64_t i = 0; i < shards.size(); ++i) {
    const std::int64_t w = shards.width(i), h = shards.height(i);
    record = std::max(record, static_cast<std::int64_t>(shards.stored_bytes(i)));
    width = std::max(width, w);
    height = std::max(height, h);
    if (shards.kind(i) != StoredKind::kPackedJpeg || view.looks_at_whole_image())
      whole_pixels = std::max(whole_pixels, w * h);
  }
  const std::int64_t side = view.side();
  // Buffers grow by doubling. An image that is not decoded row by row: its pixels, those after each direction of scaling, and what a
  // progressive JPEG file needs. One that is: rows of samples and coefficients, tables of weights.
  const std::int64_t whole = whole_pixels * 3 * 5;
  const std::int64_t rows = 400 * (width + 512) + 40 * height + 200 * side;
  const std::int64_t usual = std::min(std::max(width, height), side * PlanCache<AcrossTables>::kMostScale);
  const std::int64_t tables =
      static_cast<std::int64_t>(PlanCache<AcrossTables>::kPlaces) * most_table_bytes(side, usual) +
      most_table_bytes(side, std::max(width, height));
  return 2 * record + whole + rows + tables;
}

Loader::Loader(std::shared_ptr<const ShardSet> shards, View view, int threads, int depth)
    : state_(std::make_shared<State>(std::move(shards), view, threads, depth)) {
  best_kernels();  // throws here, if at all, not in a worker
  for (int i = 0; i < threads; ++i)
    state_->workers.emplace_back([state = state_.get(), i] { state->work(static_cast<std::size_t>(i)); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_to_do.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

void Loader::tell(std::function<void(std::int64_t, std::int64_t)> opened) { state_->opened = std::move(opened); }

void Loader::start(BatchPlan plan, MakePlan following) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.plan = std::make_shared<PlanInWork>();  // nothing more to claim
  s.next_plan.reset();
  s.following = {};
  for (const auto& job : s.jobs) job->close();
  s.something_done.wait(lock, [&] {
    return !s.making_plan && std::all_of(s.jobs.begin(), s.jobs.end(), [](const auto& job) { return job->done(); });
  });
  for (const auto& job : s.jobs) s.spare.push_back(std::move(job->slab));
  s.jobs.clear();
  s.following_failure = nullptr;
  s.plan = std::make_shared<PlanInWork>(std::move(plan));
  s.following = std::move(following);
  for (; s.slabs < s.depth + kSlabsInUse; ++s.slabs) s.spare.push_back(std::make_unique<Slab>());
  for (const auto& slab : s.spare)
    State::shape(*slab, std::min<std::int64_t>(s.plan->plan.batch_size, s.plan->plan.samples.size()), s.view.side());
  lock.unlock();
  s.work_to_do.notify_all();
}

void Loader::go_on(MakePlan following) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (s.following) s.make_following(lock);
  s.something_done.wait(lock, [&] { return s.next_plan != nullptr; });
  if (s.following_failure) std::rethrow_exception(std::exchange(s.following_failure, nullptr));
  s.plan = std::move(s.next_plan);  // which is nullptr again
  s.following = std::move(following);
  lock.unlock();
  s.work_to_do.notify_all();
}

HostBatch Loader::next() {
  State& s = *state_;
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(s.mutex);
  const auto at_end = [&] { return s.plan->given == s.plan->plan.batches(); };
  const auto ready = [&] { return at_end() || (!s.jobs.empty() && s.jobs.front()->done()); };
  for (int stalls = 1; !s.something_done.wait_for(lock, kStall, ready); ++stalls)
    log_warning(str("no training or evaluation data for ", stalls * kStall.count(), " s; in work: ", s.work_in_hand()));
  s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (at_end()) return nullptr;
  const std::shared_ptr<BatchJob> job = std::move(s.jobs.front());
  s.jobs.pop_front();
  ++s.plan->given;
  if (job->failure) {
    s.spare.push_back(std::move(job->slab));
    lock.unlock();
    start(BatchPlan{});
    // Out of the job: a worker may let go of that last, and would end what the caller is reading.
    std::rethrow_exception(std::move(job->failure));
  }
  HostBatch batch = s.hand_out(std::move(job->slab));
  lock.unlock();
  s.work_to_do.notify_all();
  return batch;
}

void Loader::replace_bad_samples(int limit) { state_->replacements.allow(limit); }

std::int64_t Loader::replaced() const { return state_->replacements.count(); }

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

std::uint64_t Loader::bytes_read() const { return state_->reader.bytes_read(); }

}  // namespace mosaic
