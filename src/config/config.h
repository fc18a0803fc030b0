#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/log.h"
#include "config/recipe.h"

namespace mosaic {

/// Every setting of a run, with its unit and default. Ranges are checked where it is read (config.cpp). A field that is
/// named `x` in struct `y` is the key `y.x` of the YAML file.

enum class DeviceChoice { kAuto, kGpu, kCpu };
enum class LossName { kCrossEntropy, kBinaryCrossEntropy };
enum class OnNonfinite { kStop, kSkip, kRollback };
enum class Decode { kExact, kHalf };
enum class Shuffle { kGlobal, kBlock };
enum class OnBadSample { kStop, kReplace };

struct ModelConfig {
  std::string name = "resnet50";  // resnet18, 34, 50, 101, 152
  LossName loss_name = LossName::kCrossEntropy;
  int num_classes = 1000;
  int width = 64;                  // channels of the first stage; torchvision's nets have 64. A multiple of 8, 8 to 256
  bool freeze_batch_norm = false;  // true: batch norm uses its running statistics in training too, and keeps them
};

struct DatasetConfig {
  std::string path;  // folder with the shards of both splits; s3://, https:// or http:// where they are fetched from
  // Folder on a disk of each node: shards are copied or fetched there, and read from there; none: they are read where they are.
  std::optional<std::string> local;
  std::optional<double> local_limit;  // bytes that they may have there; none: what the disk has
  int resize_size = -1;               // shorter side in pixels before cropping; <= 0: as it is
  int crop_size = 224;                // side in pixels that the network sees
  std::int64_t batch_size = 2048;     // global: shared by all ranks
};

struct TrainDatasetConfig : DatasetConfig {
  double crop_scale[2] = {0.08, 1.0};  // share of the image's area that a random crop takes: least, most; in (0, 1]
  bool flip = true;                    // mirror half of the images
  Decode decode = Decode::kExact;  // kHalf: large crops of packed images are decoded at half their size, approximately
  Shuffle shuffle = Shuffle::kGlobal;
  // With Shuffle::kBlock, in images:
  std::int64_t shuffle_block = 64;      // that lie side by side in the shards and are read together; >= 1
  std::int64_t shuffle_window = 32768;  // among which the order is random; >= shuffle_block
};

struct OptimizerConfig {
  double lr = 2.048;
  double momentum = 0.875;       // in [0, 1)
  double weight_decay = 5.0e-4;  // decoupled: multiplied by lr / initial lr, not by lr
};

struct SchedulerConfig {
  Duration t_warmup{8, TimeUnit::kEpoch};
  double alpha_f = 0.0;  // final learning rate / initial one
};

struct LoggersConfig {
  bool progress_bar = true;
};

struct Config {
  std::string run_name;  // null in the file: generated from the time; rank 0's is used
  bool is_train = true;  // false: evaluate and stop
  std::uint32_t seed = 17;
  Duration max_duration{90, TimeUnit::kEpoch};
  std::optional<std::int64_t> device_train_microbatch_size;  // samples; none: the whole batch of the rank
  bool auto_microbatch_size = false;  // `auto`: the whole batch, halved when memory does not suffice
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<Precision> precision;  // none: amp_fp16 on GPUs, fp32 on CPUs
  bool fused_layers = true;            // a residual block is one function, in channels-last; else operator by operator
  bool cuda_graphs = false;            // on GPUs: forward and backward are captured, and started as a whole
  bool cudnn_benchmark = false;        // on GPUs: cuDNN tries its algorithms out, and another start may choose others
  std::int64_t gradient_bucket_bytes = 4'000'000;  // of gradients that ranks exchange in one message; in [1000, 1e9]
  bool bf16_gradient_exchange = false;             // gradients travel as bfloat16: half the bytes, rounded twice
  bool initial_evaluation = true;                  // before training, and always with is_train = false
  ModelConfig model;
  TrainDatasetConfig train_dataset;
  std::optional<double>
      loader_memory;  // bytes for a rank's batches that are being made or used, of each data set; none: five
  DatasetConfig eval_dataset{.path = "", .resize_size = 256};
  OptimizerConfig optimizer;
  SchedulerConfig scheduler;
  LoggersConfig loggers;
  AlgorithmsConfig algorithms;  // of the recipe, or of the file itself
  std::string recipe_name;      // "" for the baseline
  std::string log_folder;       // {run_name} filled in
  std::string save_folder;      // {run_name} filled in; null in the file: log_folder/checkpoints
  Duration save_interval{10, TimeUnit::kEpoch};
  int save_num_checkpoints_to_keep = 1;  // -1: all
  bool save_overwrite = false;
  std::optional<std::string> init_from;  // a file of weights to begin with, where no checkpoint is loaded
  std::optional<std::string> load_path;
  bool autoresume = false;  // go on from the newest checkpoint in save_folder, if there is one; wins over load_path
  std::vector<std::string> allow_changes;  // keys or sections that may differ from a checkpoint's; "data": other images
  std::vector<std::string> stop_signals = {"USR1", "USR2", "TERM", "HUP"};  // each asks for a checkpoint and the end
  double stop_margin = 120;          // seconds before the job's end at which the run saves and stops; >= 0
  std::optional<double> time_limit;  // seconds that the job has, from its start; none: what Slurm says, if it runs it
  OnNonfinite on_nonfinite =
      OnNonfinite::kStop;    // loss or gradients with NaN or infinity: no update; stop, go on, or go back
  int nonfinite_limit = 10;  // steps in a row to skip, or times to go back, that are still no reason to stop; >= 1
  OnBadSample on_bad_sample = OnBadSample::kStop;  // a training image that cannot be read: stop, or take another one
  int bad_sample_limit = 100;                      // images that a rank may replace; >= 1
  double hang_limit = 300;         // seconds; no phase that takes less counts as hung; 0: none ever does
  double hang_limit_first = 1800;  // seconds; for the start, and for a phase that has not ended once yet
  Duration eval_interval{1, TimeUnit::kEpoch};
  LogLevel python_log_level = LogLevel::kInfo;

  /// Values of the recipe that the command line has taken the place of, one sentence each, for the log.
  std::vector<std::string> overridden;
  /// The resolved configuration as YAML that `load_config` reads back to the same values.
  std::string yaml;
};

/// Read `yaml_path`, put the recipe block that `recipe_name` chooses over it, and `overrides` ("a.b=value") over both.
/// Checks every value's type and range and refuses unknown keys: no file but this one is opened, no device touched.
/// @param generated_run_name  taken where run_name is null
/// @throws Error "FILE:LINE: key: got ..., expected ..." (command line: "command line: key: ...")
Config load_config(const std::string& yaml_path, const std::vector<std::string>& overrides,
                   const std::string& generated_run_name);

}  // namespace mosaic
