#include "train/train.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "batch/sampler.h"
#include "comm/activity.h"
#include "comm/mpi_session.h"
#include "report/progress_bar.h"
#include "train/checkpoint.h"
#include "train/checkpoint_files.h"
#include "train/checkpoint_store.h"
#include "train/epoch_plan.h"
#include "train/gather_numbers.h"
#include "train/run_reports.h"
#include "train/stop_requests.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  /// `action`, whose time does not count.
  template <class Action>
  void without(Action action) {
    const auto before = std::chrono::steady_clock::now();
    action();
    start_ += std::chrono::steady_clock::now() - before;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A training run in progress: `train` below, in pieces.
class Trainer {
 public:
  Trainer(Run& run, Data& data, RunLog* log, const std::vector<std::string>& hosts)
      : run_(run),
        data_(data),
        log_(log),
        reports_(run, data, log, hosts),
        store_(run, run.config.save_folder, run.config.save_num_checkpoints_to_keep, data.train_shards->fingerprint()),
        stop_requests_(log ? log->folder() : "", job_end(run.config.time_limit), run.config.stop_margin),
        exchange_seconds_(run.exchange.busy_seconds()) {}

  ~Trainer() {
    data_.stop_fetching();         // for batches that nobody will ask for
    data_.train_loader.start({});  // its threads call back for the next epoch's plan
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  TrainResult run_all() {
    if (data_.train_remote && run_.config.is_train) begin_fetching();
    if (run_.config.initial_evaluation || !run_.config.is_train || run_.evaluation_due) run_evaluation();
    if (!run_.config.is_train) return finish();
    while (!is_over(run_) && !result_.stopped) train_epoch();
    if (evaluated_at_ != run_.now.batch && !result_.stopped) run_evaluation();
    return finish();
  }

 private:
  /// The first shards come while the first evaluation is made.
  void begin_fetching() const {
    const std::int64_t batch = run_.now.batch_in_epoch;
    data_.train_remote->at(run_.now.epoch, batch * run_.config.train_dataset.batch_size);
  }

  void train_epoch() {
    const Config& config = run_.config;
    const std::int64_t first = run_.now.batch_in_epoch;
    const Stopwatch preparing;
    enter(run_, StepPart::kOther);
    if (next_epoch_is_ready_)
      data_.train_loader.go_on(plan_of_next_epoch());
    else
      data_.train_loader.start(plan_of_epoch(run_.now), plan_of_next_epoch());
    enter(run_, StepPart::kOutside);
    add_train_seconds(preparing.seconds());
    {
      char label[64];
      std::snprintf(label, sizeof label, "%-15s Epoch %3lld:", "train", static_cast<long long>(run_.now.epoch));
      ProgressBar bar(label, run_.batches_per_epoch, first, log_ && config.loggers.progress_bar);
      while (run_.now.batch_in_epoch < run_.batches_per_epoch && !is_over(run_) && !result_.stopped) train_batch(bar);
    }
    if (run_.now.batch_in_epoch < run_.batches_per_epoch || result_.stopped)
      return;  // over in the middle of an epoch, which then has no end, or stopped before that was done

    const Progress before = run_.now;
    finish_epoch(run_);
    if (config.eval_interval.unit == TimeUnit::kEpoch && interval_passed(config.eval_interval, before, run_.now))
      run_evaluation();
    if (config.save_interval.unit == TimeUnit::kEpoch || config.max_duration.unit == TimeUnit::kEpoch)
      save_if_due(before);
  }

  /// What makes the plan of the epoch after this one, in a thread of the loader; nothing if there is none.
  Loader::MakePlan plan_of_next_epoch() {
    const std::int64_t left = run_.batches_per_epoch - run_.now.batch_in_epoch;
    const Progress next{.epoch = run_.now.epoch + 1, .batch = run_.now.batch + left};
    next_epoch_is_ready_ = elapsed(run_, next) < 1;
    if (!next_epoch_is_ready_) return {};
    return [this, next] { return plan_of_epoch(next); };
  }

  BatchPlan plan_of_epoch(const Progress& now) const { return epoch_plan(run_, data_.train_shards->size(), now); }

  /// A step whose result is not known yet.
  struct Launched {
    std::optional<Batch> shown;          // of the first step: for its picture
    std::shared_ptr<const void> source;  // what is copied to the device meanwhile
    Progress before;                     // where it is
    PendingStep step;
  };

  Launched launch(const Batch& batch, const Requests& requests) {
    return {batch_was_shown_ ? std::nullopt : std::optional(batch), batch.source, run_.now,
            launch_step(run_, batch, requests)};
  }

  /// Launch the step of the next batch, and settle it; or leave that for the next call, and settle the one before, so that the device has
  /// something to do meanwhile.
  void train_batch(ProgressBar& bar) {
    begin_phase(Phase::kStep);
    post_place(run_.now.batch, run_.now.batch_in_epoch);
    if (!launched_) watch_ = {};
    const Stopwatch waiting;
    enter(run_, StepPart::kData);
    const HostBatch host = next_train_batch();
    enter(run_, StepPart::kOther);
    result_.data_wait_seconds += waiting.seconds();
    const Batch batch = to_device(host, run_.net.device(), run_.net.type(), run_.net.layout());
    const Requests requests = stop_requests_.poll();
    if (launched_ && step_waits(run_)) settle(*std::exchange(launched_, {}), nullptr, bar);
    bool at_once = step_waits(run_);
    Launched latest = launch(batch, requests);
    if (launched_ && !settle(*std::exchange(launched_, {}), &latest, bar)) {
      at_once = step_waits(run_);  // after a rollback SAM may be due
      latest = launch(batch, requests);
    }
    if (!at_once && !something_follows()) {
      run_.now = next_batch(run_);
      launched_ = std::move(latest);
      enter(run_, StepPart::kOutside);
      return;
    }
    const Progress before = run_.now;
    settle(latest, nullptr, bar);
    act_after_batch(before);
  }

  /// Whether anything but the next step happens after this one, which is not counted yet: then it has to be settled first.
  bool something_follows() const {
    const Config& config = run_.config;
    const Progress& before = run_.now;
    const Progress after = next_batch(run_);
    const auto passed = [&](const Duration& interval) {
      return interval.unit == TimeUnit::kBatch && interval_passed(interval, before, after);
    };
    return asked_.save || asked_.stop || !batch_was_shown_ || after.batch_in_epoch == run_.batches_per_epoch ||
           elapsed(run_, after) >= 1 || passed(config.eval_interval) || passed(config.save_interval) ||
           (run_.ema && run_.ema->due_after_batch(after, elapsed(run_, after)));
  }

  /// Wait for a step, check it, count it, tell of it. run_.now is the step's `before` afterwards with one batch more.
  /// @param behind  the step that was launched behind it, if one was: taken back where this one was skipped
  /// @return whether it was not
  bool settle(const Launched& launched, const Launched* behind, ProgressBar& bar) {
    const StepResult step = launched.step.result();
    if (step.skipped && behind) behind->step.take_back();
    run_.now = launched.before;
    check_finite(step);
    if (launched.shown && !std::exchange(batch_was_shown_, true)) show(*launched.shown);
    finish_batch(run_);
    result_.samples_trained += run_.config.train_dataset.batch_size;
    enter(run_, StepPart::kOutside);
    const double whole = std::exchange(watch_, {}).seconds();
    add_train_seconds(whole);
    const double exchange = run_.exchange.busy_seconds();
    const StepSeconds seconds = step_seconds(run_.laps.take(), exchange - std::exchange(exchange_seconds_, exchange));
    result_.step_seconds = result_.step_seconds + seconds;
    reports_.step(launched.before, step, seconds, whole);
    bar.update(run_.now.batch_in_epoch,
               [&] { return str("loss/train/total=", decimals(step.loss, 4), ", ", reports_.left()); });
    asked_.save = asked_.save || step.requests.save;
    asked_.stop = asked_.stop || step.requests.stop;
    if (behind) enter(run_, StepPart::kOther);
    return !step.skipped;
  }

  /// With no step launched.
  void act_after_batch(const Progress& before) {
    const Config& config = run_.config;
    if (config.eval_interval.unit == TimeUnit::kBatch && interval_passed(config.eval_interval, before, run_.now))
      run_evaluation();
    if (config.save_interval.unit == TimeUnit::kBatch || config.max_duration.unit == TimeUnit::kBatch)
      save_if_due(before);
    const Requests asked = std::exchange(asked_, {});
    if (asked.save || asked.stop) save();
    if (asked.stop && !is_over(run_)) stop();
  }

  /// A picture of what the net saw: no part of a step.
  void show(const Batch& batch) {
    enter(run_, StepPart::kOutside);
    watch_.without([&] { reports_.show(batch); });
    enter(run_, StepPart::kOther);
  }

  HostBatch next_train_batch() {
    const WaitingForData posted;
    return data_.train_loader.next();
  }

  /// Save, and leave it to the next start to go on. On all ranks.
  void stop() {
    save();
    if (!result_.stopped && !stop_requests_.reason().empty()) log_warning("asked to stop: " + stop_requests_.reason());
    result_.stopped = true;
  }

  /// Called on all ranks with the same result, before the step counts.
  void check_finite(const StepResult& step) {
    nonfinite_steps_ = step.finite ? 0 : nonfinite_steps_ + 1;
    if (step.finite) return;
    const std::string what =
        str("step ", run_.now.batch, " (epoch ", run_.now.epoch, ", batch ", run_.now.batch_in_epoch,
            "): loss or gradients are not finite (loss ", step.loss, "): the weights were left as they were");
    if (run_.config.on_nonfinite == OnNonfinite::kStop)
      throw AgreedError(
          what + ". Lower optimizer.lr or lengthen scheduler.t_warmup; on_nonfinite=skip goes on without such steps",
          kExitCrash);
    if (run_.config.on_nonfinite == OnNonfinite::kRollback) return roll_back(what);
    if (nonfinite_steps_ > run_.config.nonfinite_limit)
      throw AgreedError(str(what, ", for the ", nonfinite_steps_, "th time in a row; nonfinite_limit is ",
                            run_.config.nonfinite_limit),
                        kExitCrash);
    log_warning_of_all(what);
  }

  /// Weights, momentum and averages as in the last checkpoint; the data go on behind the batch that diverged, so that the images which have
  /// led there are left out, as in arXiv:2204.02311, section 5.1.
  void roll_back(const std::string& what) {
    std::string checkpoint = store_.newest();
    if (checkpoint.empty()) checkpoint = run_.loaded_from;
    checkpoint = gather_texts(checkpoint)[0];
    if (checkpoint.empty())
      throw AgreedError(what + ". on_nonfinite is rollback, but there is no checkpoint yet to go back to", kExitCrash);
    if (++result_.rollbacks > run_.config.nonfinite_limit)
      throw AgreedError(
          str(what, ". It was rolled back ", run_.config.nonfinite_limit, " times, and nonfinite_limit allows no more"),
          kExitCrash);
    load_weights(checkpoint, run_, data_.train_shards->fingerprint());
    log_warning_of_all(
        str(what, ". Rolled back to the weights of ", checkpoint, "; the run goes on with the next batch"));
  }

  /// Between two batches of an evaluation: what any rank is asked for, on all of them alike.
  Requests agreed_requests() {
    const Requests mine = stop_requests_.poll();
    Requests agreed;
    for (const auto& rank : gather_numbers(run_, {mine.save ? 1.0 : 0.0, mine.stop ? 1.0 : 0.0})) {
      agreed.save = agreed.save || rank[0] != 0;
      agreed.stop = agreed.stop || rank[1] != 0;
    }
    return agreed;
  }

  void run_evaluation() {
    begin_phase(Phase::kEvaluation);
    const Stopwatch watch;
    reports_.begin_evaluation();
    const EvalEpoch epoch{data_.eval_shards->size(), run_.config.eval_dataset.batch_size, run_.ranks.size()};
    const BatchPlan plan = eval_plan(epoch.samples, epoch.global_batch, run_.ranks.rank(), run_.ranks.size());
    data_.eval_loader.start(plan);
    // All ranks ask one another as often as the one with the most batches needs.
    const std::int64_t rounds = run_.config.is_train ? epoch.batches(0) : 0;
    std::int64_t done = 0, round = 0;
    bool cut_short = false, save_asked = false;
    const auto ask = [&] {
      const Requests requests = agreed_requests();
      cut_short = requests.stop;
      save_asked = save_asked || requests.save;
    };
    char label[64];
    // Labelled with the epoch that it follows, as the training bar; the one before training with the first.
    std::snprintf(label, sizeof label, "%-15s Epoch %3lld:", "eval",
                  static_cast<long long>(std::max<std::int64_t>(run_.now.epoch - 1, 0)));
    {
      ProgressBar bar(label, epoch.batches(run_.ranks.rank()), 0, log_ && run_.config.loggers.progress_bar);
      const EvalResult result = evaluate(run_, [&]() -> std::optional<Batch> {
        if (round < rounds) ask();
        ++round;
        HostBatch host;
        if (!cut_short) {
          const WaitingForData posted;
          host = data_.eval_loader.next();
        }
        if (host) {
          bar.update(done++, [] { return std::string(); });
          return to_device(host, run_.net.device(), run_.net.type(), run_.net.layout());
        }
        for (; !cut_short && round < rounds; ++round) ask();
        return std::nullopt;
      });
      if (cut_short) {
        run_.evaluation_due = true;
        return stop();
      }
      result_.last_eval = result;
      run_.evaluation_due = false;
      bar.update(done, [&] { return "metrics/eval/MulticlassAccuracy=" + decimals(result_.last_eval.accuracy, 4); });
    }
    run_.seconds.eval += watch.seconds();
    result_.eval_seconds += watch.seconds();
    evaluated_at_ = run_.now.batch;
    reports_.evaluation(result_.last_eval, plan, watch.seconds());
    if (save_asked) save();
  }

  void save_if_due(const Progress& before) {
    if (interval_passed(run_.config.save_interval, before, run_.now) || is_over(run_)) save();
  }

  void save() {
    if (saved_ == checkpoint_name(run_.now)) return;
    begin_phase(Phase::kCheckpoint);
    store_.save(run_);
    if (run_.ranks.size() > 1)
      run_.ranks.barrier();  // rank 0 may wait for its disk: the others then wait in this phase, too
    saved_ = checkpoint_name(run_.now);
  }

  void add_train_seconds(double seconds) {
    run_.seconds.train += seconds;
    result_.train_seconds += seconds;
  }

  TrainResult finish() {
    begin_phase(Phase::kCheckpoint);
    store_.wait();
    begin_phase(Phase::kEnd);
    reports_.end(result_.stopped);
    result_.replaced_samples = data_.train_loader.replaced();
    result_.checkpoints = store_.paths();
    result_.checkpoint_stall_seconds = store_.stalled_seconds();
    return std::move(result_);
  }

  Run& run_;
  Data& data_;
  RunLog* log_;
  RunReports reports_;
  TrainResult result_;
  CheckpointStore store_;
  StopRequests stop_requests_;
  std::optional<Launched> launched_;  // and not settled, though counted in run_.now
  Requests asked_;                    // by steps that are settled, and not acted on
  Stopwatch watch_;                   // since the last step was settled, or the first one begun
  double exchange_seconds_;           // GradientExchange's, when the last step was settled
  std::string saved_;                 // name of the newest checkpoint
  std::int64_t evaluated_at_ = -1, nonfinite_steps_ = 0;
  bool batch_was_shown_ = false;      // the first one of this start
  bool next_epoch_is_ready_ = false;  // or being made, by the loader
};

}  // namespace

bool is_over(const Run& run) { return elapsed(run, run.now) >= 1; }

bool interval_passed(const Duration& interval, const Progress& before, const Progress& after) {
  const auto every = static_cast<std::int64_t>(interval.value);
  return interval.unit == TimeUnit::kEpoch ? before.epoch / every != after.epoch / every
                                           : before.batch / every != after.batch / every;
}

void check_start(const Run& run) {
  const Config& config = run.config;
  if (!config.is_train) return;
  if (is_over(run) && config.autoresume) return;  // what is left is an evaluation
  if (is_over(run))
    throw Error(str("max_duration: got ", config.max_duration.text(), ", but the checkpoint has already trained ",
                    run.now.epoch, " epochs, ", run.now.batch,
                    " batches: no training would occur; raise it, or evaluate with is_train=false"));
  if (!config.save_overwrite) refuse_to_overwrite(config.save_folder, run.now);
}

TrainResult train(Run& run, Data& data, RunLog* log, const std::vector<std::string>& hosts) {
  return Trainer(run, data, log, hosts).run_all();
}

}  // namespace mosaic
