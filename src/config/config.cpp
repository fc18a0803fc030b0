#include "config/config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/stop_signal.h"
#include "base/url.h"
#include "config/algorithms.h"
#include "config/overrides.h"
#include "config/recipe_block.h"
#include "config/section.h"
#include "config/yaml_reader.h"

namespace mosaic {
namespace {

constexpr int kLargestSide = 65535;  // pixels, as of a JPEG
constexpr char kShardsPlace[] = "the folder with the shards of both splits, or its s3:// or https:// address";

template <class Number>
bool is_positive(Number x) {
  return x > 0;
}
bool is_side(int x) { return 1 <= x && x <= kLargestSide; }
bool is_not_negative(double x) { return x >= 0; }

// ---- times

// A bare whole number is a number of epochs.
bool read_time(const Value& value, Duration& time) {
  std::int64_t epochs = 0;
  if (!convert(value, epochs)) return convert(value, time);
  const auto with_unit = Duration::try_parse(str(epochs, "ep"));
  if (with_unit) time = *with_unit;
  return with_unit.has_value();
}

bool is_epochs_or_batches(const Duration& time) {
  return time.unit == TimeUnit::kEpoch || time.unit == TimeUnit::kBatch;
}

// How long a run is, or how long it is until something happens again.
void read_period(Section& in, const std::string& key, Duration& period) {
  in.read_with(key, period, "a time in ep or ba, 1 or more (10ep, 500ba), or a whole number of epochs",
               [](const Value& value, Duration& time) {
                 return read_time(value, time) && is_epochs_or_batches(time) && time.value >= 1;
               });
}

void read_max_duration(Section& in, Duration& max_duration) {
  const Value* given = in.find("max_duration");
  const auto time = given ? Duration::try_parse(given->text) : std::nullopt;
  if (time && !is_epochs_or_batches(*time))
    in.refuse("max_duration", "but the learning-rate schedule follows epochs or batches: expected a time in ep or ba");
  read_period(in, "max_duration", max_duration);
}

bool is_warmup(const Duration& time) {
  if (time.unit == TimeUnit::kDuration) return 0 <= time.value && time.value <= 1;
  return is_epochs_or_batches(time) && time.value >= 0;
}

// ---- names and paths

bool is_folder_name(const std::string& name) {
  if (name.empty() || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '{' || c == '}' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
}

// Path: std::string or, where null has a meaning, std::optional of it
template <class Path>
void read_any_path(Section& in, const std::string& key, Path& path, const std::string& expected) {
  in.read_with(key, path, expected, [](const Value& value, Path& text) {
    return convert(value, text) && (value.is_null() || !value.text.empty());
  });
}

template <class Path>
void read_path(Section& in, const std::string& key, Path& path, const std::string& expected) {
  if (const Value* given = in.find(key); given && !url_scheme(given->text).empty())
    in.refuse(key, "but only the shards of a data set may lie in an object store: expected a path in the file system");
  read_any_path(in, key, path, expected);
}

// `path` with each {run_name} filled in.
std::string fill_run_name(const Section& in, const std::string& key, const std::string& path,
                          const std::string& run_name) {
  constexpr std::string_view kPlaceholder = "{run_name}";
  std::string filled;
  std::size_t done = 0;
  while (true) {
    const auto brace = std::min(path.find_first_of("{}", done), path.size());
    filled += path.substr(done, brace - done);
    if (brace == path.size()) return filled;
    const auto end = std::min(path.find('}', brace), path.size() - 1) + 1;
    const std::string placeholder = path.substr(brace, end - brace);
    if (placeholder != kPlaceholder)
      in.refuse(key, str("but ", placeholder, " is nothing that is filled in: expected {run_name} or no braces"));
    filled += run_name;
    done = end;
  }
}

// ---- sections

void read(Section in, ModelConfig& c) {
  constexpr std::array<std::string_view, 5> kNames{"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"};
  in.read("name", c.name, "one of resnet18, resnet34, resnet50, resnet101, resnet152",
          [&](const std::string& name) { return std::find(kNames.begin(), kNames.end(), name) != kNames.end(); });
  in.read_choice<LossName>(
      "loss_name", c.loss_name,
      {{"cross_entropy", LossName::kCrossEntropy}, {"binary_cross_entropy", LossName::kBinaryCrossEntropy}});
  in.read("num_classes", c.num_classes, "a number of classes, 1 or more", is_positive<int>);
  in.read("width", c.width, "a number of channels, a multiple of 8 from 8 to 256",
          [](int width) { return width >= 8 && width <= 256 && width % 8 == 0; });
  in.read("freeze_batch_norm", c.freeze_batch_norm, "true or false");
  in.reject_unknown_keys();
}

// Where the shards are. Streaming is what a path with a scheme means; the key is the reference's.
void read_place(Section& in, DatasetConfig& c) {
  bool is_streaming = false;
  in.read("is_streaming", is_streaming, "true or false");
  if (const Value* given = in.find("path"); given && !url_scheme(given->text).empty() && !is_remote(given->text))
    in.refuse("path", "but that is none of the servers known here: expected a folder, s3://, https:// or http://");
  read_any_path(in, "path", c.path, kShardsPlace);
  if (is_streaming && !is_remote(c.path))
    in.refuse("is_streaming", str("but path is ", c.path.empty() ? "not given" : c.path,
                                  ": expected false, or s3://, https:// or http:// as path"));
  read_path(in, "local", c.local, "a folder on a disk of each node, or null");
  if (is_remote(c.path) && !c.local)
    in.refuse(in.find("path") ? "path" : "local",
              "but shards are fetched into a folder on a disk of each node: expected one as `local`");
}

// The keys that both data sets have.
void read_dataset(Section& in, DatasetConfig& c) {
  read_place(in, c);
  in.read("local_limit", c.local_limit, "a number of bytes > 0 (5e11), or null for what the disk has",
          is_positive<double>);
  in.read("resize_size", c.resize_size,
          str("a side in pixels, up to ", kLargestSide, ", or -1 to leave images as they are"),
          [](int x) { return x <= kLargestSide; });
  in.read("crop_size", c.crop_size, str("a side in pixels, 1 to ", kLargestSide), is_side);
  in.read("batch_size", c.batch_size, "a number of images over all ranks, 1 or more", is_positive<std::int64_t>);
}

void read(Section in, TrainDatasetConfig& c) {
  read_dataset(in, c);
  in.read("crop_scale", c.crop_scale, "two shares of the image's area, [least, most] with 0 < least <= most <= 1",
          [](const double(&scale)[2]) { return 0 < scale[0] && scale[0] <= scale[1] && scale[1] <= 1; });
  in.read("flip", c.flip, "true or false");
  in.read_choice<Decode>("decode", c.decode, {{"exact", Decode::kExact}, {"half", Decode::kHalf}});
  in.read_choice<Shuffle>("shuffle", c.shuffle, {{"global", Shuffle::kGlobal}, {"block", Shuffle::kBlock}});
  in.read("shuffle_block", c.shuffle_block, "a number of images, 1 or more", is_positive<std::int64_t>);
  in.read("shuffle_window", c.shuffle_window, "a number of images, shuffle_block or more",
          [&](std::int64_t x) { return x >= c.shuffle_block; });
  in.reject_unknown_keys();
  in.require("path", kShardsPlace);
}

void read(Section in, DatasetConfig& c) {
  read_dataset(in, c);
  in.reject_unknown_keys();
}

void read(Section in, OptimizerConfig& c) {
  in.read("lr", c.lr, "a number > 0", is_positive<double>);
  in.read("momentum", c.momentum, "a number in [0, 1)", [](double x) { return 0 <= x && x < 1; });
  in.read("weight_decay", c.weight_decay, "a number >= 0", is_not_negative);
  in.reject_unknown_keys();
}

void read(Section in, SchedulerConfig& c) {
  in.read("t_warmup", c.t_warmup, "a time with its unit: 0 or more in ep or ba (8ep, 5000ba), or 0dur to 1dur",
          is_warmup);
  in.read("alpha_f", c.alpha_f, "a number >= 0", is_not_negative);
  in.reject_unknown_keys();
}

void read(Section in, LoggersConfig& c) {
  in.read_with("progress_bar", c.progress_bar, "true, false, or {} which means true", [](const Value& value, bool& on) {
    if (value.is_map() && value.map.empty()) return on = true;
    return convert(value, on);
  });
  if (const Value* given = in.find("wandb"); given && !given->is_null())
    in.refuse("wandb", "but Weights & Biases is not supported in this version: leave the key out");
  in.ignore("wandb");
  in.reject_unknown_keys();
}

// ---- the keys that stand in no section

void read_microbatch_size(Section& in, Config& c) {
  const std::string key = "device_train_microbatch_size";
  if (const Value* given = in.find(key); given && given->text == "auto") {
    c.auto_microbatch_size = true;
    in.ignore(key);
    in.record(key, to_value(std::string("auto")));
    return;
  }
  in.read(key, c.device_train_microbatch_size,
          "a number of images, 1 or more, null for all that a rank has of a batch, or auto for as many of them as "
          "memory has room for",
          is_positive<std::int64_t>);
}

void read_precision(Section& in, std::optional<Precision>& precision) {
  const Value* given = in.find("precision");
  if (!given || given->is_null()) {
    in.ignore("precision");
    in.record("precision", {});
    return;
  }
  precision = Precision::kFp32;
  in.read_choice<Precision>(
      "precision", *precision,
      {{"fp32", Precision::kFp32}, {"amp_bf16", Precision::kAmpBf16}, {"amp_fp16", Precision::kAmpFp16}});
}

void read_log_level(Section& in, LogLevel& level) {
  const std::string key = "python_log_level";
  if (const Value* given = in.find(key); given && given->is_null()) {
    in.ignore(key);
    level = LogLevel::kInfo;
    in.record(key, to_value(std::string("info")));
    return;
  }
  in.read_choice<LogLevel>(key, level,
                           {{"debug", LogLevel::kDebug},
                            {"info", LogLevel::kInfo},
                            {"warning", LogLevel::kWarning},
                            {"error", LogLevel::kError}});
}

void read_run_name(Section& in, const std::string& generated, std::string& run_name) {
  std::optional<std::string> name;
  in.read("run_name", name, "a name for a folder, without / and braces, or null for one made from the time",
          is_folder_name);
  run_name = name.value_or(generated);
  in.record("run_name", to_value(run_name));
}

// Where a run writes, and what it starts from.
void read_folders(Section& in, Config& c) {
  c.log_folder = "runs/{run_name}";
  read_path(in, "log_folder", c.log_folder, "a folder");
  c.log_folder = fill_run_name(in, "log_folder", c.log_folder, c.run_name);
  in.record("log_folder", to_value(c.log_folder));

  std::optional<std::string> save_folder;
  read_path(in, "save_folder", save_folder, "a folder, or null for checkpoints/ in log_folder");
  c.save_folder =
      save_folder ? fill_run_name(in, "save_folder", *save_folder, c.run_name) : c.log_folder + "/checkpoints";
  in.record("save_folder", to_value(c.save_folder));

  read_path(in, "init_from", c.init_from, "a file of weights, .safetensors or .pth, or null");
  in.record("init_from", to_value(c.init_from));
  read_path(in, "load_path", c.load_path, "the folder of a checkpoint, or null");
  if (c.load_path) c.load_path = fill_run_name(in, "load_path", *c.load_path, c.run_name);
  in.record("load_path", to_value(c.load_path));
}

void read_checkpoints(Section& in, Config& c) {
  read_period(in, "save_interval", c.save_interval);
  in.read("save_num_checkpoints_to_keep", c.save_num_checkpoints_to_keep,
          "a number of checkpoints, 1 or more, or -1 for all: with 0 a run could not be resumed",
          [](int x) { return x == -1 || x >= 1; });
  in.read("save_overwrite", c.save_overwrite, "true or false");
}

// What ends a run before its time, and what does not.
void read_survival(Section& in, Config& c) {
  in.read("autoresume", c.autoresume, "true or false");
  in.read("allow_changes", c.allow_changes, "a list of keys, sections or `data`: [optimizer.lr, algorithms]");
  in.read("stop_signals", c.stop_signals, "a list of TERM, INT, HUP, USR1 and USR2; [] for none",
          [](const std::vector<std::string>& names) {
            return std::all_of(names.begin(), names.end(), [](const auto& name) { return signal_number(name) != 0; });
          });
  in.read("stop_margin", c.stop_margin, "a number of seconds, 0 or more", is_not_negative);
  in.read("time_limit", c.time_limit, "a number of seconds > 0, or null for what Slurm says", is_positive<double>);
  in.read_choice<OnNonfinite>(
      "on_nonfinite", c.on_nonfinite,
      {{"stop", OnNonfinite::kStop}, {"skip", OnNonfinite::kSkip}, {"rollback", OnNonfinite::kRollback}});
  in.read("nonfinite_limit", c.nonfinite_limit, "a number of steps, 1 or more", is_positive<int>);
  in.read_choice<OnBadSample>("on_bad_sample", c.on_bad_sample,
                              {{"stop", OnBadSample::kStop}, {"replace", OnBadSample::kReplace}});
  in.read("bad_sample_limit", c.bad_sample_limit, "a number of images, 1 or more", is_positive<int>);
  in.read("hang_limit", c.hang_limit, "a number of seconds, or 0 for no limit", is_not_negative);
  in.read("hang_limit_first", c.hang_limit_first, "a number of seconds > 0", is_positive<double>);
}

void read(Section in, const std::string& generated_run_name, Config& c) {
  read_run_name(in, generated_run_name, c.run_name);
  in.read("is_train", c.is_train, "true or false");
  in.read("seed", c.seed, "a whole number in [0, 4294967295]");
  read_max_duration(in, c.max_duration);
  read_period(in, "eval_interval", c.eval_interval);
  read_microbatch_size(in, c);
  in.read_choice<DeviceChoice>(
      "device", c.device, {{"auto", DeviceChoice::kAuto}, {"gpu", DeviceChoice::kGpu}, {"cpu", DeviceChoice::kCpu}});
  read_precision(in, c.precision);
  in.read("fused_layers", c.fused_layers, "true or false");
  in.read("cuda_graphs", c.cuda_graphs, "true or false");
  in.read("cudnn_benchmark", c.cudnn_benchmark, "true or false");
  in.read("gradient_bucket_bytes", c.gradient_bucket_bytes, "a number of bytes, 1000 to 1000000000",
          [](std::int64_t x) { return 1000 <= x && x <= 1'000'000'000; });
  in.read("bf16_gradient_exchange", c.bf16_gradient_exchange, "true or false");
  in.read("initial_evaluation", c.initial_evaluation, "true or false");
  read(in.section("model"), c.model);
  read(in.section("train_dataset"), c.train_dataset);
  c.eval_dataset.path = c.train_dataset.path;
  if (is_remote(c.eval_dataset.path)) c.eval_dataset.local = c.train_dataset.local;
  read(in.section("eval_dataset"), c.eval_dataset);
  in.read("loader_memory", c.loader_memory, "a number of bytes > 0 (2e9), or null for five batches",
          is_positive<double>);
  read(in.section("optimizer"), c.optimizer);
  read(in.section("scheduler"), c.scheduler);
  read(in.section("loggers"), c.loggers);
  read(in.section("algorithms"), c.algorithms);
  in.ignore("recipe_name");  // recipe.cpp has read it
  in.record("recipe_name", {});
  read_folders(in, c);
  read_checkpoints(in, c);
  read_survival(in, c);
  read_log_level(in, c.python_log_level);
  ignore_recipe_blocks(in);
  in.reject_unknown_keys();
}

}  // namespace

Config load_config(const std::string& yaml_path, const std::vector<std::string>& overrides,
                   const std::string& generated_run_name) {
  Value settings = read_yaml_file(yaml_path);
  const Value command_line = read_overrides(overrides);
  merge(settings, command_line);
  Config config;
  config.recipe_name = apply_recipe(settings, command_line);
  config.overridden = overridden_by_command_line(settings);
  Value resolved{.kind = Value::Kind::kMap};
  read(Section(settings, resolved), generated_run_name, config);
  config.yaml = to_yaml(resolved);
  if (!config.recipe_name.empty())
    config.yaml = str("# ", config.run_name, ": recipe ", config.recipe_name, " of ", yaml_path, "\n", config.yaml);
  return config;
}

}  // namespace mosaic
