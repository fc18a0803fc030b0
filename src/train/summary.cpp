#include "train/summary.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/version.h"
#include "comm/mpi_session.h"
#include "plan/outcome.h"
#include "train/gather_numbers.h"

namespace mosaic {
namespace {

double peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

/// nullopt where there is no plan.
std::optional<nlohmann::ordered_json> compared_with_plan(const Run& run, double memory) {
  const std::string path = run.config.log_folder + "/plan.json";
  std::error_code none;
  if (run.ranks.rank() != 0 || !std::filesystem::exists(path, none)) return std::nullopt;
  const Outcome outcome{.ranks = run.ranks.size(),
                        .batches = run.now.batch,
                        .train = run.seconds.train,
                        .eval = run.seconds.eval,
                        .total = run.loaded_from.empty() ? std::optional(process_age()) : std::nullopt,
                        .rank_memory_bytes = memory};
  try {
    const auto bytes = read_file(path);
    const std::string plan(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return nlohmann::ordered_json::parse(compare_with_plan(plan, outcome));
  } catch (const Error& e) {  // a file that cannot be read: no reason to fail at the end of a run
    return nlohmann::ordered_json{{"not_compared", e.what()}};
  }
}

}  // namespace

bool summary_says_done(const std::string& log_folder, const Progress& now) {
  std::string answer;
  try {
    const auto bytes = read_file(log_folder + "/summary.json");
    const char* text = reinterpret_cast<const char*>(bytes.data());
    const auto summary = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
    if (summary.is_object() && summary.value("exit_reason", "") == "done" &&
        summary.value("batches", std::int64_t{-1}) == now.batch)
      answer = "done";
  } catch (const Error&) {  // there is none
  }
  return gather_texts(answer)[0] == "done";
}

std::string summary_json(Run& run, const TrainResult& result, const std::string& exit_reason) {
  double memory = 0, longest_wait = 0, replaced = 0;
  for (const auto& of_rank : gather_numbers(
           run, {peak_memory_bytes(), result.data_wait_seconds, static_cast<double>(result.replaced_samples)})) {
    memory = std::max(memory, of_rank[0]);
    longest_wait = std::max(longest_wait, of_rank[1]);
    replaced += of_rank[2];
  }
  StepSeconds steps;
  for (const auto& of_rank : gather_numbers(run, numbers_of(result.step_seconds)))
    steps = steps + step_seconds_of(of_rank) / run.ranks.size();
  nlohmann::ordered_json parts;
  for (const auto& [name, member] : kStepSeconds) parts[name] = steps.*member;
  const auto per_second = [](double count, double seconds) { return seconds > 0 ? count / seconds : 0; };
  nlohmann::ordered_json summary = {
      {"run_name", run.config.run_name},
      {"exit_reason", exit_reason},
      {"eval",
       {{"accuracy", result.last_eval.accuracy},
        {"cross_entropy", result.last_eval.cross_entropy},
        {"sample_cross_entropy", result.last_eval.sample_cross_entropy},
        {"samples", result.last_eval.samples}}},
      {"epochs", run.now.epoch},
      {"batches", run.now.batch},
      {"samples", run.now.sample},
      {"version", version()},
      {"world_size", run.ranks.size()},
      {"device", run.net.device().is_cuda() ? "gpu" : "cpu"},
      {"seconds",
       {{"train", result.train_seconds},
        {"eval", result.eval_seconds},
        {"data_wait", longest_wait},
        {"checkpoint_stall", result.checkpoint_stall_seconds},
        {"train_of_all_starts", run.seconds.train},
        {"eval_of_all_starts", run.seconds.eval},
        {"since_start", process_age()}}},
      {"step_seconds", parts},
      {"images_per_second", per_second(static_cast<double>(result.samples_trained), result.train_seconds)},
      {"data_wait_share", result.train_seconds > 0 ? longest_wait / result.train_seconds : 0},
      {"peak_memory_bytes", memory},
      {"replaced_samples", static_cast<std::int64_t>(replaced)},
      {"rollbacks", result.rollbacks},
      {"checkpoints", result.checkpoints},
  };
  if (const auto plan = compared_with_plan(run, memory)) summary["plan"] = *plan;
  return summary.dump(2);
}

}  // namespace mosaic
