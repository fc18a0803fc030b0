#include "batch/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "batch/sample_reader.h"
#include "packed/kernel_choice.h"

namespace mosaic {
namespace {

constexpr std::chrono::seconds kStall{10};  // of a wait for a batch
constexpr std::int64_t kNeighbours = 64;    // that are tried in the place of an image

constexpr double kSlowRead = 200e-6;  // seconds; a page cache takes a tenth of that
constexpr double kReadWeight = 0.05;  // of the newest read in the mean
constexpr std::int64_t kAhead =
    256;                        // images that the system is asked for ahead of those in work, where reads are slow
constexpr int kMostHints = 16;  // at once

}  // namespace

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
  /// A plan that is being worked off.
  struct Stage {
    BatchPlan plan;
    std::int64_t opened = 0;  // batches that have a job or had one
    std::int64_t given = 0;   // batches that `next` has given
    std::int64_t hinted = 0;  // images that the system was asked for
  };
  struct Job {
    std::shared_ptr<Stage> stage;
    std::int64_t batch = 0;
    std::unique_ptr<Slab> slab;
    std::int64_t claimed = 0, finished = 0;
    std::exception_ptr failure;
    bool done() const { return finished == slab->size; }
  };
  std::shared_ptr<Stage> stage = std::make_shared<Stage>();  // that `next` gives batches of
  std::shared_ptr<Stage> next_stage;                         // nullptr until `following` has made it
  MakePlan following;                                        // empty: there is none, or it is being made
  std::exception_ptr following_failure;
  std::deque<std::unique_ptr<Job>> jobs;     // in the order of the batches; the front is what `next` gives
  std::vector<std::unique_ptr<Slab>> spare;  // slabs to fill; all are made by `start`, none while training
  int slabs = 0;                             // made so far
  int busy = 0;                              // workers that are filling an image or making a plan
  double read_seconds = 0;                   // of the last reads, mean
  std::vector<std::int64_t> in_work;         // of each worker, the sample that it is filling in; -1: none
  int replace_limit = 0;                     // images that may be replaced
  std::set<std::int64_t> replaced;           // the samples that were
  double waited = 0;

  std::vector<std::thread> workers;

  State(std::shared_ptr<const ShardSet> s, View v, int d)
      : shards(std::move(s)), view(v), reader(shards, v), depth(d) {}

  int side_of(const BatchPlan& plan, std::int64_t batch) const {
    return plan.sides.empty() ? view.side() : plan.sides[static_cast<std::size_t>(batch)];
  }

  /// Give `slab` its shape; memory that it had before is used again.
  static void shape(Slab& slab, std::int64_t size, int side) {
    slab.size = size;
    slab.side = side;
    slab.images.resize(static_cast<std::size_t>(size) * side * side * 3);
    slab.labels.resize(static_cast<std::size_t>(size));
  }

  /// The plan to open the next batch of; nullptr if all have been opened.
  std::shared_ptr<Stage> stage_to_open() const {
    for (const auto& one : {stage, next_stage})
      if (one && one->opened < one->plan.batches()) return one;
    return nullptr;
  }

  /// The job and image to fill next; {nullptr, 0} if all slabs are full or the plans are at their end.
  std::pair<Job*, std::int64_t> claim() {
    for (const auto& job : jobs)
      if (job->claimed < job->slab->size) return {job.get(), job->claimed++};
    const auto open = stage_to_open();
    if (!open || static_cast<int>(jobs.size()) >= depth || spare.empty()) return {nullptr, 0};
    auto job = std::make_unique<Job>();
    job->stage = open;
    job->batch = open->opened++;
    job->slab = std::move(spare.back());
    spare.pop_back();
    const BatchPlan& plan = open->plan;
    const std::int64_t left = static_cast<std::int64_t>(plan.samples.size()) - job->batch * plan.batch_size;
    shape(*job->slab, std::min(plan.batch_size, left), side_of(plan, job->batch));
    jobs.push_back(std::move(job));
    return {jobs.back().get(), jobs.back()->claimed++};
  }

  /// Images [first, last) of the stage's order to ask the system for, image `i` being read now.
  std::pair<std::int64_t, std::int64_t> claim_hints(Stage& one, std::int64_t i) const {
    if (read_seconds < kSlowRead) return {0, 0};
    const auto end = static_cast<std::int64_t>(one.plan.samples.size());
    const std::int64_t first = std::max(one.hinted, i + 1), last = std::min({end, i + 1 + kAhead, first + kMostHints});
    one.hinted = std::max(first, last);
    return {first, last};
  }

  /// With the lock held, which it gives up meanwhile.
  void make_following(std::unique_lock<std::mutex>& lock) {
    const MakePlan make = std::exchange(following, {});
    const std::shared_ptr<Stage> before = stage;
    ++busy;
    lock.unlock();
    auto made = std::make_shared<Stage>();
    std::exception_ptr failure;
    try {
      made->plan = make();
    } catch (...) {  // thrown by `go_on`
      failure = std::current_exception();
    }
    lock.lock();
    --busy;
    if (stage == before) {  // else `start` has dropped both meanwhile
      next_stage = std::move(made);
      following_failure = failure;
    }
    batch_ready.notify_all();
    work_to_do.notify_all();
    if (busy == 0) worker_idle.notify_all();
  }

  void work(std::size_t worker) {
    const auto scratch = View::make_scratch();
    std::vector<std::byte> buffer;
    std::unique_lock lock(mutex);
    while (true) {
      if (stopping) return;
      if (following && stage->opened == stage->plan.batches()) make_following(lock);
      const auto [job, image] = claim();
      if (stopping) return;
      if (!job) {
        work_to_do.wait(lock);
        continue;
      }
      const std::shared_ptr<Stage> held = job->stage;  // its samples do not change
      const BatchPlan& plan = held->plan;
      const std::int64_t i = image, place = job->batch * plan.batch_size + i;
      const std::int64_t sample = plan.samples[static_cast<std::size_t>(place)];
      const auto [first_hint, last_hint] = claim_hints(*held, place);
      Slab& slab = *job->slab;
      ++busy;
      in_work[worker] = sample;
      const bool replace = replace_limit > 0;
      lock.unlock();
      double seconds = 0;
      std::exception_ptr failure;
      try {
        for (std::int64_t hint = first_hint; hint < last_hint; ++hint)
          shards->read_ahead(plan.samples[static_cast<std::size_t>(hint)]);
        if (replace)
          seconds = fill_or_replace(slab, i, plan.epoch, sample, *scratch, buffer);
        else
          seconds = fill(slab, i, plan.epoch, sample, *scratch, buffer);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      read_seconds += kReadWeight * (seconds - read_seconds);
      in_work[worker] = -1;
      --busy;
      if (failure && !job->failure) job->failure = failure;
      ++job->finished;
      if (job->done()) batch_ready.notify_all();
      if (busy == 0) worker_idle.notify_all();
    }
  }

  /// @return seconds of reading
  double fill(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample, View::Scratch& scratch,
              std::vector<std::byte>& buffer) {
    const auto begin = std::chrono::steady_clock::now();
    const StoredImage image = reader.read(sample, epoch, buffer);
    const std::chrono::duration<double> reading = std::chrono::steady_clock::now() - begin;
    const std::size_t bytes = static_cast<std::size_t>(slab.side) * slab.side * 3;
    try {
      view.render(image, epoch, sample, slab.side, scratch, slab.images.data() + i * bytes);
    } catch (const Error& e) {
      throw Error(str(shards->describe(sample), ": ", e.what()), e.exit_code());
    }
    slab.labels[i] = shards->label(sample);
    return reading.count();
  }

  /// As `fill`, with the image of a neighbour where that of `sample` is of no use.
  double fill_or_replace(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample, View::Scratch& scratch,
                         std::vector<std::byte>& buffer) {
    std::string fault;
    try {
      return fill(slab, i, epoch, sample, scratch, buffer);
    } catch (const Error& e) {
      fault = e.what();
    }
    const std::int64_t samples = shards->size();
    for (std::int64_t k = 1; k < std::min(kNeighbours, samples); ++k) {
      const std::int64_t neighbour = (sample + k) % samples;
      double seconds = 0;
      try {
        seconds = fill(slab, i, epoch, neighbour, scratch, buffer);
      } catch (const Error&) {  // the first one's fault is told
        continue;
      }
      count_replaced(sample, neighbour, fault);
      return seconds;
    }
    throw Error(fault + ", and none of the images after it can be read");
  }

  void count_replaced(std::int64_t sample, std::int64_t neighbour, const std::string& fault) {
    const std::lock_guard lock(mutex);
    if (!replaced.insert(sample).second) return;  // told already
    if (replaced.size() > static_cast<std::size_t>(replace_limit))
      throw Error(
          str(fault, ": bad_sample_limit allows ", replace_limit, " images to be replaced, and this is one more"));
    log_warning(
        str(fault, ": sample ", neighbour, " takes its place (", replaced.size(), " of at most ", replace_limit, ")"));
  }

  /// What the workers are reading or decoding: "sample 17 of train-00003.h5". Touches no file.
  std::string work_in_hand() const {
    std::string text;
    for (const std::int64_t sample : in_work)
      if (sample >= 0) text += str(text.empty() ? "" : ", ", "sample ", sample, " of ", shards->path_of(sample));
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

Loader::Loader(std::shared_ptr<const ShardSet> shards, View view, int threads, int depth)
    : state_(std::make_shared<State>(std::move(shards), view, depth)) {
  best_kernels();  // throws here, if at all, not in a worker
  state_->in_work.assign(static_cast<std::size_t>(threads), -1);
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

void Loader::start(BatchPlan plan, MakePlan following) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.stage = std::make_shared<State::Stage>();  // nothing more to claim
  s.next_stage.reset();
  s.following = {};
  for (const auto& job : s.jobs) job->claimed = job->slab->size;
  s.worker_idle.wait(lock, [&] { return s.busy == 0; });
  for (auto& job : s.jobs) s.spare.push_back(std::move(job->slab));
  s.jobs.clear();
  s.following_failure = nullptr;
  s.stage->plan = std::move(plan);
  s.following = std::move(following);
  for (; s.slabs < s.depth + kSlabsInUse; ++s.slabs) s.spare.push_back(std::make_unique<Slab>());
  for (const auto& slab : s.spare)
    State::shape(*slab, std::min<std::int64_t>(s.stage->plan.batch_size, s.stage->plan.samples.size()), s.view.side());
  lock.unlock();
  s.work_to_do.notify_all();
}

void Loader::go_on(MakePlan following) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (s.following) s.make_following(lock);
  s.batch_ready.wait(lock, [&] { return s.next_stage != nullptr; });
  if (s.following_failure) std::rethrow_exception(std::exchange(s.following_failure, nullptr));
  s.stage = std::move(s.next_stage);  // which is nullptr again
  s.following = std::move(following);
  lock.unlock();
  s.work_to_do.notify_all();
}

HostBatch Loader::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(state_->mutex);
  const auto at_end = [this] { return state_->stage->given == state_->stage->plan.batches(); };
  const auto ready = [&] { return at_end() || (!state_->jobs.empty() && state_->jobs.front()->done()); };
  for (int stalls = 1; !state_->batch_ready.wait_for(lock, kStall, ready); ++stalls)
    log_warning(
        str("no training or evaluation data for ", stalls * kStall.count(), " s; in work: ", state_->work_in_hand()));
  state_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (at_end()) return nullptr;
  const auto job = std::move(state_->jobs.front());
  state_->jobs.pop_front();
  ++state_->stage->given;
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

void Loader::replace_bad_samples(int limit) {
  const std::lock_guard lock(state_->mutex);
  state_->replace_limit = limit;
}

std::int64_t Loader::replaced() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<std::int64_t>(state_->replaced.size());
}

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

std::uint64_t Loader::bytes_read() const { return state_->reader.bytes_read(); }

}  // namespace mosaic
