#include "config/changes.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "config/yaml_reader.h"

namespace mosaic {
namespace {

// Keys and sections that decide nothing of what a step does to the weights.
constexpr std::string_view kNotTraining[] = {"run_name",
                                             "is_train",
                                             "seed",
                                             "max_duration",
                                             "eval_interval",
                                             "device",
                                             "fused_layers",
                                             "cuda_graphs",
                                             "cudnn_benchmark",
                                             "gradient_bucket_bytes",
                                             "initial_evaluation",
                                             "eval_dataset",
                                             "loggers",
                                             "recipe_name",
                                             "log_folder",
                                             "save_folder",
                                             "save_interval",
                                             "save_num_checkpoints_to_keep",
                                             "save_overwrite",
                                             "init_from",
                                             "load_path",
                                             "autoresume",
                                             "allow_changes",
                                             "stop_signals",
                                             "stop_margin",
                                             "time_limit",
                                             "on_nonfinite",
                                             "nonfinite_limit",
                                             "on_bad_sample",
                                             "bad_sample_limit",
                                             "hang_limit",
                                             "hang_limit_first",
                                             "python_log_level",
                                             "loader_memory",
                                             "train_dataset.path",
                                             "train_dataset.local",
                                             "train_dataset.local_limit",
                                             "train_dataset.is_streaming"};

// Keys that came later: what was done before there were any, in checkpoints that have none.
constexpr std::pair<std::string_view, std::string_view> kCameLater[] = {{"bf16_gradient_exchange", "false"},
                                                                        {"train_dataset.decode", "exact"},
                                                                        {"train_dataset.shuffle", "global"},
                                                                        {"train_dataset.shuffle_block", "64"},
                                                                        {"train_dataset.shuffle_window", "32768"}};

bool is_in(const std::string& key, std::string_view section) {
  return key == section || (key.starts_with(section) && key[section.size()] == '.');
}

/// Every value under its dotted key.
void flatten(const Value& value, const std::string& key, std::map<std::string, std::string>& out) {
  if (!value.is_map()) {
    out[key] = describe(value);
    return;
  }
  for (const Entry& entry : value.map) flatten(entry.value, key.empty() ? entry.key : key + "." + entry.key, out);
}

std::map<std::string, std::string> settings_of(const std::string& yaml, const std::string& name) {
  std::map<std::string, std::string> settings;
  flatten(read_yaml_text(yaml, name), "", settings);
  std::erase_if(settings, [](const auto& setting) {
    return std::any_of(std::begin(kNotTraining), std::end(kNotTraining),
                       [&](std::string_view section) { return is_in(setting.first, section); });
  });
  for (const auto& [key, value] : kCameLater) settings.emplace(key, value);
  return settings;
}

}  // namespace

std::vector<Change> changes_of_training(const std::string& before, const std::string& now) {
  const auto old_settings = settings_of(before, "the configuration in the checkpoint");
  const auto new_settings = settings_of(now, "the configuration");
  std::vector<Change> changes;
  for (const auto& [key, value] : new_settings) {
    const auto old = old_settings.find(key);
    if (old == old_settings.end())
      changes.push_back({key, "absent", value});
    else if (old->second != value)
      changes.push_back({key, old->second, value});
  }
  for (const auto& [key, value] : old_settings)
    if (!new_settings.contains(key)) changes.push_back({key, value, "absent"});
  return changes;
}

bool is_allowed(const std::string& key, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& section) { return is_in(key, section); });
}

}  // namespace mosaic
