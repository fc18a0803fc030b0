#include "train/run_reports.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "batch/resize_schedule.h"
#include "device/gpu.h"
#include "train/class_results.h"
#include "train/gather_numbers.h"
#include "train/show_batch.h"

namespace mosaic {
namespace {

constexpr double kSecondsPerHour = 3600;

}  // namespace

RunReports::RunReports(Run& run, Data& data, RunLog* log, const std::vector<std::string>& hosts)
    : run_(run), data_(data), log_(log), hosts_(hosts), status_(run, log ? log->folder() : "") {}

void RunReports::show(const Batch& batch) {
  if (!log_) return;
  try {
    log_->write_picture(run_.now.batch, "batch", batch_sheet(run_, batch, data_.train_shards->class_names()).png);
  } catch (const std::exception& e) {  // memory, most likely: no reason to end a run
    log_warning(str("TensorBoard has no picture of the first batch: ", e.what()));
  }
}

void RunReports::step(const Progress& before, const StepResult& step, const StepSeconds& seconds, double whole) {
  throughput_.add(run_.now.sample, run_.seconds.train);
  const auto mean_step = step_clock_.add(seconds);
  const Metrics where_time_went = mean_step ? log_ranks(*mean_step) : Metrics{};
  if (log_) log_step(before, step, where_time_went);
  status_.after_step(step, whole);
}

void RunReports::evaluation(const EvalResult& result, const BatchPlan& plan, double seconds) {
  if (log_) log_evaluation(result);
  log_classes(result, plan);
  status_.after_evaluation(result, seconds);
  if (log_ && run_.config.is_train && !is_over(run_)) log_->start_report();
}

/// Where the time of the last steps went, rank by rank. Collective.
/// @return the mean over the ranks
Metrics RunReports::log_ranks(const StepSeconds& mine) {
  std::vector<StepSeconds> ranks;
  StepSeconds sum;
  for (const auto& numbers : gather_numbers(run_, numbers_of(mine))) {
    ranks.push_back(step_seconds_of(numbers));
    sum = sum + ranks.back();
  }
  if (!log_) return {};
  std::vector<std::pair<std::string, std::vector<double>>> lists;
  Metrics mean;
  for (const auto& [name, member] : kStepSeconds) {
    std::vector<double> list;
    for (const StepSeconds& rank : ranks) list.push_back(rank.*member);
    lists.emplace_back(name, std::move(list));
    mean.emplace_back(str("step_seconds/", name), sum.*member / static_cast<double>(ranks.size()));
  }
  log_->write_ranks(run_.now.batch, lists);
  for (const std::string& sentence : slow_ranks(ranks, hosts_)) log_warning(sentence);
  return mean;
}

void RunReports::log_step(const Progress& before, const StepResult& step, const Metrics& where_time_went) {
  const std::int64_t rank_batch = run_.config.train_dataset.batch_size / run_.ranks.size();
  Metrics metrics = {
      {"time/epoch", static_cast<double>(before.epoch)},
      {"time/batch", static_cast<double>(before.batch)},
      {"time/sample", static_cast<double>(before.sample)},
      {"time/batch_in_epoch", static_cast<double>(before.batch_in_epoch)},
      {"time/sample_in_epoch", static_cast<double>(before.sample_in_epoch)},
      {"trainer/device_train_microbatch_size", static_cast<double>(run_.micro_batch.value_or(rank_batch))},
      {"loss/train/total", step.loss},
      {"metrics/train/MulticlassAccuracy", step.accuracy},
      {run_.sam ? "lr-SAMOptimizer/group0" : "lr-DecoupledSGDW/group0", run_.schedule.at_step(run_.now.batch)},
  };
  const AlgorithmsConfig& recipe = run_.config.algorithms;
  const auto add = [&](const char* name, double value) { metrics.emplace_back(name, value); };
  if (recipe.progressive_resizing) {
    add("progressive_resizing/height", static_cast<double>(step.side));
    add("progressive_resizing/width", static_cast<double>(step.side));
    add("progressive_resizing/scale_factor", resize_scale(*recipe.progressive_resizing, elapsed(run_, before)));
  }
  if (run_.sam) add("sam/step", step.sam_step ? 1 : 0);
  if (run_.ema) add("ema/started", run_.ema->started() ? 1 : 0);
  if (run_.scaler) add("amp/scale", step.scale);
  if (run_.scaler || run_.sam) add("amp/skipped_steps", static_cast<double>(run_.skipped_steps));
  const auto append = [&](const Metrics& more) { metrics.insert(metrics.end(), more.begin(), more.end()); };
  append(throughput_.metrics(run_.ranks.size()));
  append(time_metrics());
  append(where_time_went);
  if (run_.net.device().is_cuda()) append(gpu_memory_metrics(run_.net.device().index()));
  log_->write(run_.now.batch, metrics);
}

void RunReports::log_evaluation(const EvalResult& eval) {
  Metrics metrics = {{"metrics/eval/CrossEntropy", eval.cross_entropy},
                     {"metrics/eval/SampleCrossEntropy", eval.sample_cross_entropy},
                     {"metrics/eval/MulticlassAccuracy", eval.accuracy}};
  const Metrics times = time_metrics();
  metrics.insert(metrics.end(), times.begin(), times.end());
  log_->write(run_.now.batch, metrics);
  log_info(str("evaluation after ", run_.now.epoch, " epochs, ", run_.now.batch, " batches: top-1 ",
               decimals(100 * eval.accuracy, 2), " %, cross entropy ", decimals(eval.cross_entropy, 4), ", ",
               eval.samples, " images"));
}

void RunReports::log_classes(const EvalResult& result, const BatchPlan& plan) {
  const ClassResults classes = class_results(result, plan.samples, run_.config.model.num_classes);
  if (!log_) return;
  log_->replace("classes.json", classes_json(classes, data_.eval_shards->class_names(), run_.now));
  if (!classes.confusions.empty()) try {
      log_->replace("confused.png", confused_images(classes, data_, plan.batch_size));
    } catch (const Error& e) {  // images to look at: no reason to fail
      log_warning(str("no confused.png: ", e.what()));
    }
}

Metrics RunReports::time_metrics() const {
  return {{"time/train", run_.seconds.train / kSecondsPerHour},
          {"time/val", run_.seconds.eval / kSecondsPerHour},
          {"time/total", (run_.seconds.train + run_.seconds.eval) / kSecondsPerHour}};
}

}  // namespace mosaic
