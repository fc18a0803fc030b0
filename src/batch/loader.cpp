#include "batch/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "batch/sample_reader.h"
#include "batch/sampler.h"
#include "packed/kernel_choice.h"

namespace mosaic {
namespace {

constexpr int kSlabsInUse = 2;  // the caller's batch, and the one before it while it asks for the next

}  // namespace

std::int64_t BatchPlan::batches() const {
  return (static_cast<std::int64_t>(samples.size()) + batch_size - 1) / batch_size;
}

BatchPlan train_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks, std::int64_t epoch,
                     std::int64_t first) {
  const TrainEpoch shape{samples, global_batch, ranks};
  const std::vector<std::int64_t> order = shuffled(samples, epoch);
  BatchPlan plan{.samples = {}, .batch_size = shape.rank_batch(), .epoch = epoch};
  for (std::int64_t batch = first; batch < shape.batches(); ++batch)
    for (std::int64_t i = 0; i < plan.batch_size; ++i) plan.samples.push_back(order[shape.position(batch, rank, i)]);
  return plan;
}

BatchPlan eval_plan(std::int64_t samples, std::int64_t global_batch, int rank, int ranks) {
  const EvalEpoch shape{samples, global_batch, ranks};
  BatchPlan plan{.samples = {}, .batch_size = shape.rank_batch(), .epoch = 0};
  for (std::int64_t batch = 0; batch < shape.batches(rank); ++batch)
    for (std::int64_t i = 0; i < shape.batch_size(batch, rank); ++i)
      plan.samples.push_back(shape.position(batch, rank, i));
  return plan;
}

/// Shared with the slabs that are out: they come back even after the loader has gone.
struct Loader::State : std::enable_shared_from_this<Loader::State> {
  std::shared_ptr<const ShardSet> shards;
  View view;
  SampleReader reader;
  int depth;

  std::mutex mutex;
  std::condition_variable work_to_do, batch_ready, worker_idle;
  bool stopping = false;

  // All below: guarded by `mutex`.
  struct Job {
    std::int64_t batch = 0;
    std::unique_ptr<Slab> slab;
    std::int64_t claimed = 0, finished = 0;
    std::exception_ptr failure;
    bool done() const { return finished == slab->size; }
  };
  BatchPlan plan;
  std::int64_t opened = 0;                   // batches of the plan that have a job or had one
  std::deque<std::unique_ptr<Job>> jobs;     // in the order of the batches; the front is what `next` gives
  std::vector<std::unique_ptr<Slab>> spare;  // slabs to fill; all are made by `start`, none while training
  int slabs = 0;                             // made so far
  int busy = 0;                              // workers that are filling an image
  double waited = 0;

  std::vector<std::thread> workers;

  State(std::shared_ptr<const ShardSet> s, View v, int d)
      : shards(std::move(s)), view(v), reader(shards, v), depth(d) {}

  int side_of(std::int64_t batch) const { return plan.sides.empty() ? view.side() : plan.sides[batch]; }

  /// Give `slab` its shape; memory that it had before is used again.
  static void shape(Slab& slab, std::int64_t size, int side) {
    slab.size = size;
    slab.side = side;
    slab.images.resize(static_cast<std::size_t>(size) * side * side * 3);
    slab.labels.resize(static_cast<std::size_t>(size));
  }

  /// The job and image to fill next; {nullptr, 0} if all slabs are full or the plan is at its end.
  std::pair<Job*, std::int64_t> claim() {
    for (const auto& job : jobs)
      if (job->claimed < job->slab->size) return {job.get(), job->claimed++};
    if (opened == plan.batches() || static_cast<int>(jobs.size()) >= depth || spare.empty()) return {nullptr, 0};
    auto job = std::make_unique<Job>();
    job->batch = opened++;
    job->slab = std::move(spare.back());
    spare.pop_back();
    const std::int64_t left = static_cast<std::int64_t>(plan.samples.size()) - job->batch * plan.batch_size;
    shape(*job->slab, std::min(plan.batch_size, left), side_of(job->batch));
    jobs.push_back(std::move(job));
    return {jobs.back().get(), jobs.back()->claimed++};
  }

  void work() {
    const auto scratch = View::make_scratch();
    std::vector<std::byte> buffer;
    std::unique_lock lock(mutex);
    while (true) {
      const auto [job, i] = claim();
      if (stopping) return;
      if (!job) {
        work_to_do.wait(lock);
        continue;
      }
      const std::int64_t sample = plan.samples[job->batch * plan.batch_size + i], epoch = plan.epoch;
      Slab& slab = *job->slab;
      ++busy;
      lock.unlock();
      std::exception_ptr failure;
      try {
        fill(slab, i, epoch, sample, *scratch, buffer);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      --busy;
      if (failure && !job->failure) job->failure = failure;
      ++job->finished;
      if (job->done()) batch_ready.notify_all();
      if (busy == 0) worker_idle.notify_all();
    }
  }

  void fill(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample, View::Scratch& scratch,
            std::vector<std::byte>& buffer) {
    const StoredImage image = reader.read(sample, epoch, buffer);
    const std::size_t bytes = static_cast<std::size_t>(slab.side) * slab.side * 3;
    try {
      view.render(image, epoch, sample, slab.side, scratch, slab.images.data() + i * bytes);
    } catch (const Error& e) {
      throw Error(str(shards->describe(sample), ": ", e.what()), e.exit_code());
    }
    slab.labels[i] = shards->label(sample);
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

Loader::Loader(std::shared_ptr<const ShardSet> shards, View view, int threads, int depth)
    : state_(std::make_shared<State>(std::move(shards), view, depth)) {
  best_kernels();  // throws here, if at all, not in a worker
  for (int i = 0; i < threads; ++i) state_->workers.emplace_back([state = state_.get()] { state->work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_to_do.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

void Loader::start(BatchPlan plan) {
  std::unique_lock lock(state_->mutex);
  state_->plan = BatchPlan{};  // nothing more to claim
  state_->opened = 0;
  for (const auto& job : state_->jobs) job->claimed = job->slab->size;
  state_->worker_idle.wait(lock, [this] { return state_->busy == 0; });
  for (auto& job : state_->jobs) state_->spare.push_back(std::move(job->slab));
  state_->jobs.clear();
  state_->plan = std::move(plan);
  for (; state_->slabs < state_->depth + kSlabsInUse; ++state_->slabs)
    state_->spare.push_back(std::make_unique<Slab>());
  for (const auto& slab : state_->spare)
    State::shape(*slab, std::min<std::int64_t>(state_->plan.batch_size, state_->plan.samples.size()),
                 state_->view.side());
  lock.unlock();
  state_->work_to_do.notify_all();
}

HostBatch Loader::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(state_->mutex);
  const auto at_end = [this] { return state_->jobs.empty() && state_->opened == state_->plan.batches(); };
  state_->batch_ready.wait(lock, [&] { return at_end() || (!state_->jobs.empty() && state_->jobs.front()->done()); });
  state_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (at_end()) return nullptr;
  const auto job = std::move(state_->jobs.front());
  state_->jobs.pop_front();
  if (job->failure) {
    lock.unlock();
    start(BatchPlan{});
    std::rethrow_exception(job->failure);
  }
  HostBatch batch = state_->hand_out(std::move(job->slab));
  lock.unlock();
  state_->work_to_do.notify_all();
  return batch;
}

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

std::uint64_t Loader::bytes_read() const { return state_->reader.bytes_read(); }

}  // namespace mosaic
