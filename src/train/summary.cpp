#include "train/summary.h"

#include <ATen/ATen.h>
#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mosaic {
namespace {

/// One number of every rank, in their order.
std::vector<double> gather(Run& run, double mine) {
  const at::Tensor all = at::zeros({run.ranks.size()}, at::TensorOptions(run.net.device()).dtype(at::kDouble));
  all[run.ranks.rank()] = mine;
  run.ranks.all_reduce_sum(buffer_of(all));
  const at::Tensor on_host = all.cpu();
  const double* first = on_host.const_data_ptr<double>();
  return {first, first + run.ranks.size()};
}

double peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

}  // namespace

std::string summary_json(Run& run, const TrainResult& result, const std::string& exit_reason) {
  const auto memory = gather(run, peak_memory_bytes());
  const auto waits = gather(run, result.data_wait_seconds);
  const double longest_wait = *std::max_element(waits.begin(), waits.end());
  const auto per_second = [](double count, double seconds) { return seconds > 0 ? count / seconds : 0; };
  const nlohmann::ordered_json summary = {
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
      {"world_size", run.ranks.size()},
      {"device", run.net.device().is_cuda() ? "gpu" : "cpu"},
      {"seconds",
       {{"train", result.train_seconds},
        {"eval", result.eval_seconds},
        {"data_wait", longest_wait},
        {"checkpoint_stall", result.checkpoint_stall_seconds},
        {"train_of_all_starts", run.seconds.train},
        {"eval_of_all_starts", run.seconds.eval}}},
      {"images_per_second", per_second(static_cast<double>(result.samples_trained), result.train_seconds)},
      {"data_wait_share", result.train_seconds > 0 ? longest_wait / result.train_seconds : 0},
      {"peak_memory_bytes", *std::max_element(memory.begin(), memory.end())},
      {"checkpoints", result.checkpoints},
  };
  return summary.dump(2);
}

}  // namespace mosaic
