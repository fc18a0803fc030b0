#include "config/config.h"

#include <filesystem>

#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

using test::TemporaryFolder;

// A file run.yaml with `text` behind its first line, which gives the one key that has no default.
class YamlFile {
 public:
  explicit YamlFile(const std::string& text, const std::string& first = "train_dataset: {path: /data}\n") {
    test::write_text(path(), first + text);
  }
  std::string path() const { return folder_ / "run.yaml"; }
  Config load(const std::vector<std::string>& overrides = {}) const {
    return load_config(path(), overrides, "made-up");
  }

  // The message of loading it, without the folder of the file.
  std::string error(const std::vector<std::string>& overrides = {}) const {
    std::string message = test::message_of([&] { load(overrides); });
    for (auto at = message.find(folder_.path()); at != std::string::npos; at = message.find(folder_.path()))
      message.erase(at, folder_.path().size() + 1);
    return message;
  }

 private:
  TemporaryFolder folder_;
};

std::string error_of(const std::string& text) { return YamlFile(text).error(); }
std::string error_of_overrides(const std::vector<std::string>& overrides) { return YamlFile("").error(overrides); }

TEST_CASE("keys that a file leaves out have the defaults of the baseline", "[config]") {
  const Config c = YamlFile("").load();

  CHECK(c.run_name == "made-up");
  CHECK(c.is_train);
  CHECK(c.seed == 17);
  CHECK(c.max_duration == Duration{90, TimeUnit::kEpoch});
  CHECK(c.eval_interval == Duration{1, TimeUnit::kEpoch});
  CHECK_FALSE(c.device_train_microbatch_size);
  CHECK(c.device == DeviceChoice::kAuto);
  CHECK(c.model.name == "resnet50");
  CHECK(c.model.loss_name == LossName::kCrossEntropy);
  CHECK(c.model.num_classes == 1000);
  CHECK_FALSE(c.model.freeze_batch_norm);
  CHECK(c.fused_layers);
  CHECK_FALSE(c.cuda_graphs);
  CHECK(c.gradient_bucket_bytes == 4'000'000);
  CHECK_FALSE(c.bf16_gradient_exchange);
  CHECK(c.train_dataset.path == "/data");
  CHECK(c.train_dataset.resize_size == -1);
  CHECK(c.train_dataset.crop_size == 224);
  CHECK(c.train_dataset.batch_size == 2048);
  CHECK(c.train_dataset.crop_scale[0] == 0.08);
  CHECK(c.train_dataset.crop_scale[1] == 1);
  CHECK(c.train_dataset.flip);
  CHECK(c.train_dataset.decode == Decode::kExact);
  CHECK(c.train_dataset.shuffle == Shuffle::kGlobal);
  CHECK(c.eval_dataset.path == "/data");
  CHECK(c.eval_dataset.resize_size == 256);
  CHECK(c.eval_dataset.crop_size == 224);
  CHECK(c.eval_dataset.batch_size == 2048);
  CHECK(c.optimizer.lr == 2.048);
  CHECK(c.optimizer.momentum == 0.875);
  CHECK(c.optimizer.weight_decay == 5e-4);
  CHECK(c.scheduler.t_warmup == Duration{8, TimeUnit::kEpoch});
  CHECK(c.scheduler.alpha_f == 0);
  CHECK(c.loggers.progress_bar);
  CHECK(c.log_folder == "runs/made-up");
  CHECK(c.save_folder == "runs/made-up/checkpoints");
  CHECK(c.save_interval == Duration{10, TimeUnit::kEpoch});
  CHECK(c.save_num_checkpoints_to_keep == 1);
  CHECK_FALSE(c.save_overwrite);
  CHECK_FALSE(c.load_path);
  CHECK(c.python_log_level == LogLevel::kInfo);
}

TEST_CASE("the command line goes over the file", "[config]") {
  const YamlFile file("max_duration: 10ep\noptimizer: {lr: 0.5, momentum: 0.8}\n");

  const Config c = file.load({"max_duration=3", "optimizer.lr=1e-1", "model={name: resnet18}", "model.num_classes=10",
                              "run_name=4711", "seed=1", "seed=2", "loggers.progress_bar=false", "load_path=a=b"});

  CHECK(c.max_duration == Duration{3, TimeUnit::kEpoch});
  CHECK(c.optimizer.lr == 0.1);
  CHECK(c.optimizer.momentum == 0.8);  // maps merge
  CHECK(c.model.name == "resnet18");
  CHECK(c.model.num_classes == 10);
  CHECK(c.run_name == "4711");
  CHECK(c.seed == 2);  // the later of two
  CHECK_FALSE(c.loggers.progress_bar);
  CHECK(c.load_path == "a=b");  // split at the first '='
}

TEST_CASE("nothing behind the '=' is null", "[config]") {
  const YamlFile file("run_name: a\nsave_folder: elsewhere\n");
  CHECK(file.load({"run_name=", "save_folder="}).save_folder == "runs/made-up/checkpoints");
}

TEST_CASE("the resolved configuration reads back to the same one", "[config]") {
  const YamlFile file(
      "run_name: \"it's 3: #1\"\nis_train: false\nseed: 4294967295\nmax_duration: 0x10\neval_interval: 250ba\n"
      "device_train_microbatch_size: 3\ndevice: cpu\nfused_layers: false\ncuda_graphs: true\n"
      "cudnn_benchmark: true\n"
      "gradient_bucket_bytes: 1000\nbf16_gradient_exchange: true\n"
      "model: {name: resnet101, loss_name: binary_cross_entropy, num_classes: 7, width: 16, freeze_batch_norm: true}\n"
      "eval_dataset: {path: \"yes\", resize_size: 0, crop_size: 100, batch_size: 9007199254740993}\n"
      "optimizer: {lr: 0.1234567890123456789, momentum: .9, weight_decay: 1e-300}\n"
      "scheduler: {t_warmup: 0.3333333333333333dur, alpha_f: 1.}\nloggers: {progress_bar: false}\n"
      "log_folder: \"logs \\\"x\\\" \\t{run_name}\"\nsave_folder: \"123\"\nload_path: true\n"
      "save_interval: 77ba\nsave_num_checkpoints_to_keep: -1\nsave_overwrite: true\npython_log_level: debug\n",
      "train_dataset: {path: \"/data/{run_name} \\\\ \\u00fc\", resize_size: 300, crop_scale: [1e-9, 0.7], flip: "
      "false}\n");
  const Config a = file.load();

  const Config b = YamlFile(a.yaml, "").load();

  CHECK(b.yaml == a.yaml);
  CHECK(a.run_name == "it's 3: #1");
  CHECK(b.run_name == a.run_name);
  CHECK(b.is_train == false);
  CHECK(b.seed == 4294967295);
  CHECK(b.max_duration == Duration{16, TimeUnit::kEpoch});
  CHECK(b.eval_interval == Duration{250, TimeUnit::kBatch});
  CHECK(b.device_train_microbatch_size == 3);
  CHECK(b.device == DeviceChoice::kCpu);
  CHECK(b.model.name == "resnet101");
  CHECK(b.model.loss_name == LossName::kBinaryCrossEntropy);
  CHECK(b.model.num_classes == 7);
  CHECK(b.model.width == 16);
  CHECK(b.model.freeze_batch_norm);
  CHECK_FALSE(b.fused_layers);
  CHECK(b.cuda_graphs);
  CHECK(b.cudnn_benchmark);
  CHECK(b.gradient_bucket_bytes == 1000);
  CHECK(b.bf16_gradient_exchange);
  CHECK(a.train_dataset.path == "/data/{run_name} \\ \u00fc");  // data have no run
  CHECK(b.train_dataset.path == a.train_dataset.path);
  CHECK(b.train_dataset.resize_size == 300);
  CHECK(b.train_dataset.crop_scale[0] == 1e-9);
  CHECK(b.train_dataset.crop_scale[1] == 0.7);
  CHECK_FALSE(b.train_dataset.flip);
  CHECK(b.eval_dataset.path == "yes");
  CHECK(b.eval_dataset.resize_size == 0);
  CHECK(b.eval_dataset.crop_size == 100);
  CHECK(b.eval_dataset.batch_size == 9007199254740993);
  CHECK(b.optimizer.lr == 0.1234567890123456789);
  CHECK(b.optimizer.momentum == 0.9);
  CHECK(b.optimizer.weight_decay == 1e-300);
  CHECK(b.scheduler.t_warmup == Duration{0.3333333333333333, TimeUnit::kDuration});
  CHECK(b.scheduler.alpha_f == 1);
  CHECK_FALSE(b.loggers.progress_bar);
  CHECK(a.log_folder == "logs \"x\" \tit's 3: #1");
  CHECK(b.log_folder == a.log_folder);
  CHECK(b.save_folder == "123");
  CHECK(b.load_path == "true");
  CHECK(b.save_interval == Duration{77, TimeUnit::kBatch});
  CHECK(b.save_num_checkpoints_to_keep == -1);
  CHECK(b.save_overwrite);
  CHECK(b.python_log_level == LogLevel::kDebug);
}

TEST_CASE("the resolved configuration has each key once, with its value", "[config]") {
  const std::string yaml = YamlFile("run_name: a\n").load().yaml;
  CHECK(yaml ==
        "run_name: a\n"
        "is_train: true\n"
        "seed: 17\n"
        "max_duration: 90ep\n"
        "eval_interval: 1ep\n"
        "device_train_microbatch_size: null\n"
        "device: auto\n"
        "precision: null\n"
        "fused_layers: true\n"
        "cuda_graphs: false\n"
        "cudnn_benchmark: false\n"
        "gradient_bucket_bytes: 4000000\n"
        "bf16_gradient_exchange: false\n"
        "initial_evaluation: true\n"
        "model:\n"
        "  name: resnet50\n"
        "  loss_name: cross_entropy\n"
        "  num_classes: 1000\n"
        "  width: 64\n"
        "  freeze_batch_norm: false\n"
        "train_dataset:\n"
        "  is_streaming: false\n"
        "  path: /data\n"
        "  local: null\n"
        "  local_limit: null\n"
        "  resize_size: -1\n"
        "  crop_size: 224\n"
        "  batch_size: 2048\n"
        "  crop_scale: [0.08, 1]\n"
        "  flip: true\n"
        "  decode: exact\n"
        "  shuffle: global\n"
        "  shuffle_block: 64\n"
        "  shuffle_window: 32768\n"
        "eval_dataset:\n"
        "  is_streaming: false\n"
        "  path: /data\n"
        "  local: null\n"
        "  local_limit: null\n"
        "  resize_size: 256\n"
        "  crop_size: 224\n"
        "  batch_size: 2048\n"
        "loader_memory: null\n"
        "optimizer:\n"
        "  lr: 2.048\n"
        "  momentum: 0.875\n"
        "  weight_decay: 0.0005\n"
        "scheduler:\n"
        "  t_warmup: 8ep\n"
        "  alpha_f: 0\n"
        "loggers:\n"
        "  progress_bar: true\n"
        "algorithms:\n"
        "  blurpool: null\n"
        "  channels_last: false\n"
        "  ema: null\n"
        "  progressive_resizing: null\n"
        "  label_smoothing: null\n"
        "  mixup: null\n"
        "  sam: null\n"
        "  colout: null\n"
        "  randaugment: null\n"
        "  stochastic_depth: null\n"
        "recipe_name: null\n"
        "log_folder: runs/a\n"
        "save_folder: runs/a/checkpoints\n"
        "init_from: null\n"
        "load_path: null\n"
        "save_interval: 10ep\n"
        "save_num_checkpoints_to_keep: 1\n"
        "save_overwrite: false\n"
        "autoresume: false\n"
        "allow_changes: []\n"
        "stop_signals: [USR1, USR2, TERM, HUP]\n"
        "stop_margin: 120\n"
        "time_limit: null\n"
        "on_nonfinite: stop\n"
        "nonfinite_limit: 10\n"
        "on_bad_sample: stop\n"
        "bad_sample_limit: 100\n"
        "hang_limit: 300\n"
        "hang_limit_first: 1800\n"
        "python_log_level: info\n");
}

TEST_CASE("{run_name} is filled into the folders of a run, and nothing else", "[config]") {
  const Config c =
      YamlFile("run_name: a\nlog_folder: '/x/{run_name}/{run_name}'\nload_path: 'old/{run_name}/latest'\n").load();
  CHECK(c.log_folder == "/x/a/a");
  CHECK(c.save_folder == "/x/a/a/checkpoints");
  CHECK(c.load_path == "old/a/latest");

  CHECK(error_of("save_folder: 'runs/{rank}'\n") ==
        "run.yaml:2: save_folder: got \"runs/{rank}\", but {rank} is nothing that is filled in: expected {run_name} or "
        "no "
        "braces");
  CHECK(error_of("log_folder: 'a{'\n") ==
        "run.yaml:2: log_folder: got \"a{\", but { is nothing that is filled in: expected {run_name} or no braces");
  CHECK(error_of_overrides({"load_path=a}b"}) ==
        "command line: load_path: got a}b, but } is nothing that is filled in: expected {run_name} or no braces");
}

TEST_CASE("the file of the configuration must be one", "[config]") {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& path) { return test::message_of([&] { load_config(path, {}, "x"); }); };

  CHECK(error(folder / "none.yaml") == folder / "none.yaml" + ": cannot open: No such file or directory");
  CHECK(error(folder.path()) == folder.path() + ": cannot read: it is a folder");
  CHECK(YamlFile("", "").error() == "run.yaml: is empty, expected settings (key: value)");
  CHECK(YamlFile("", "# nothing yet\n").error() == "run.yaml: is empty, expected settings (key: value)");
  CHECK(YamlFile("", "\nhello\n").error() == "run.yaml:2: got hello, expected settings (key: value)");
  CHECK(YamlFile("", "- 1\n- 2\n").error() == "run.yaml:1: got [1, 2], expected settings (key: value)");
}

TEST_CASE("a value of the wrong kind or out of range is refused with line, key, what it is and what it should be",
          "[config]") {
  const std::string whole_number = "expected a whole number in [0, 4294967295]";
  const std::string period = "expected a time in ep or ba, 1 or more (10ep, 500ba), or a whole number of epochs";
  const std::string warmup = "expected a time with its unit: 0 or more in ep or ba (8ep, 5000ba), or 0dur to 1dur";
  const std::string name = "expected a name for a folder, without / and braces, or null for one made from the time";
  const std::string scale = "expected two shares of the image's area, [least, most] with 0 < least <= most <= 1";
  const std::string keep =
      "expected a number of checkpoints, 1 or more, or -1 for all: with 0 a run could not be resumed";
  const std::string micro =
      "expected a number of images, 1 or more, null for all that a rank has of a batch, or auto for as many of them as "
      "memory has room for";
  const std::string nets = "expected one of resnet18, resnet34, resnet50, resnet101, resnet152";
  const std::string images = "expected a number of images over all ranks, 1 or more";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"is_train: yes", "is_train: got yes, expected true or false"},
      {"is_train: 1", "is_train: got 1, expected true or false"},
      {"is_train: \"true\"", "is_train: got \"true\", expected true or false"},
      {"seed: -1", "seed: got -1, " + whole_number},
      {"seed: 4294967296", "seed: got 4294967296, " + whole_number},
      {"seed: 17.0", "seed: got 17.0, " + whole_number},
      {"seed: 1_000", "seed: got 1_000, " + whole_number},
      {"seed: 1:30", "seed: got 1:30, " + whole_number},
      {"seed: null", "seed: got null, " + whole_number},
      {"seed: [1]", "seed: got [1], " + whole_number},
      {"seed: {a: 1}", "seed: got a map of a, " + whole_number},
      {"max_duration: 1.5", "max_duration: got 1.5, " + period},
      {"max_duration: 1.5ep", "max_duration: got 1.5ep, " + period},
      {"max_duration: null", "max_duration: got null, " + period},
      {"max_duration: 0", "max_duration: got 0, " + period},
      {"max_duration: -3ep", "max_duration: got -3ep, " + period},
      {"max_duration: 90 ep", "max_duration: got 90 ep, " + period},
      {"max_duration: 90min", "max_duration: got 90min, " + period},
      {"max_duration: \"90\"", "max_duration: got \"90\", " + period},
      {"save_interval: 0.5dur", "save_interval: got 0.5dur, " + period},
      {"save_interval: 0ba", "save_interval: got 0ba, " + period},
      {"eval_interval: 100sp", "eval_interval: got 100sp, " + period},
      {"scheduler: {t_warmup: 8}", "scheduler.t_warmup: got 8, " + warmup},
      {"scheduler: {t_warmup: -1ep}", "scheduler.t_warmup: got -1ep, " + warmup},
      {"scheduler: {t_warmup: 1.1dur}", "scheduler.t_warmup: got 1.1dur, " + warmup},
      {"scheduler: {t_warmup: 8tok}", "scheduler.t_warmup: got 8tok, " + warmup},
      {"scheduler: {alpha_f: -0.1}", "scheduler.alpha_f: got -0.1, expected a number >= 0"},
      {"run_name: a/b", "run_name: got a/b, " + name},
      {"run_name: ''", "run_name: got \"\", " + name},
      {"run_name: ..", "run_name: got .., " + name},
      {"run_name: 'a{b'", "run_name: got \"a{b\", " + name},
      {"run_name: \"a\\nb\"", "run_name: got \"a\\x0ab\", " + name},
      {"device: cuda", "device: got cuda, expected one of auto, gpu, cpu"},
      {"device_train_microbatch_size: 0", "device_train_microbatch_size: got 0, " + micro},
      {"device_train_microbatch_size: 1.5", "device_train_microbatch_size: got 1.5, " + micro},
      {"model: {name: resnext50_32x4d}", "model.name: got resnext50_32x4d, " + nets},
      {"model: {name: wide_resnet50_2}", "model.name: got wide_resnet50_2, " + nets},
      {"model: {loss_name: mse}", "model.loss_name: got mse, expected one of cross_entropy, binary_cross_entropy"},
      {"model: {num_classes: 0}", "model.num_classes: got 0, expected a number of classes, 1 or more"},
      {"model: {width: 12}", "model.width: got 12, expected a number of channels, a multiple of 8 from 8 to 256"},
      {"model: {num_classes: 99999999999}",
       "model.num_classes: got 99999999999, expected a number of classes, 1 or more"},
      {"model: 3", "model: got 3, expected a map of settings"},
      {"model:", "model: got null, expected a map of settings"},
      {"eval_dataset: {batch_size: 0}", "eval_dataset.batch_size: got 0, " + images},
      {"eval_dataset: {batch_size: -8}", "eval_dataset.batch_size: got -8, " + images},
      {"eval_dataset: {crop_size: 0}", "eval_dataset.crop_size: got 0, expected a side in pixels, 1 to 65535"},
      {"eval_dataset: {resize_size: 65536}",
       "eval_dataset.resize_size: got 65536, expected a side in pixels, up to 65535, or -1 to leave images as they "
       "are"},
      {"eval_dataset: {path: null}",
       "eval_dataset.path: got null, expected the folder with the shards of both splits, or its s3:// or https:// "
       "address"},
      {"optimizer: {lr: 0}", "optimizer.lr: got 0, expected a number > 0"},
      {"optimizer: {lr: .nan}", "optimizer.lr: got .nan, expected a number > 0"},
      {"optimizer: {lr: .inf}", "optimizer.lr: got .inf, expected a number > 0"},
      {"optimizer: {lr: 1e999}", "optimizer.lr: got 1e999, expected a number > 0"},
      {"optimizer: {lr: '0.1'}", "optimizer.lr: got \"0.1\", expected a number > 0"},
      {"optimizer: {momentum: 1}", "optimizer.momentum: got 1, expected a number in [0, 1)"},
      {"optimizer: {weight_decay: -1}", "optimizer.weight_decay: got -1, expected a number >= 0"},
      {"loggers: null", "loggers: got null, expected a map of settings"},
      {"loggers: {progress_bar: {a: 1}}",
       "loggers.progress_bar: got a map of a, expected true, false, or {} which means true"},
      {"log_folder: ''", "log_folder: got \"\", expected a folder"},
      {"save_folder: []", "save_folder: got [], expected a folder, or null for checkpoints/ in log_folder"},
      {"save_num_checkpoints_to_keep: 0", "save_num_checkpoints_to_keep: got 0, " + keep},
      {"save_num_checkpoints_to_keep: -2", "save_num_checkpoints_to_keep: got -2, " + keep},
      {"python_log_level: loud", "python_log_level: got loud, expected one of debug, info, warning, error"},
      {"recipe_name: warm", "recipe_name: got warm, expected null: this file has no recipe"},
      {"recipe_name: [mild]", "recipe_name: got [mild], expected null: this file has no recipe"},
  };
  for (const auto& [text, message] : cases) CHECK(error_of(text + "\n") == "run.yaml:2: " + message);

  for (const std::string text : {"[0, 1]", "[0.5, 0.4]", "[0.5, 1.01]", "[0.5]", "[0.1, 0.2, 0.3]", "0.5", "[a, 1]"})
    CHECK(error_of_overrides({"train_dataset.crop_scale=" + text}) ==
          "command line: train_dataset.crop_scale: got " + text + ", " + scale);

  CHECK(error_of_overrides({"train_dataset.decode=quarter"}) ==
        "command line: train_dataset.decode: got quarter, expected one of exact, half");
  CHECK(error_of_overrides({"train_dataset.shuffle=random"}) ==
        "command line: train_dataset.shuffle: got random, expected one of global, block");
  CHECK(error_of_overrides({"train_dataset.shuffle_block=0"}) ==
        "command line: train_dataset.shuffle_block: got 0, expected a number of images, 1 or more");
  CHECK(error_of_overrides({"train_dataset.shuffle_block=512", "train_dataset.shuffle_window=511"}) ==
        "command line: train_dataset.shuffle_window: got 511, expected a number of images, shuffle_block or more");
}

TEST_CASE("what belongs to a later version is accepted when it is off, and else refused with a sentence", "[config]") {
  CHECK(YamlFile("eval_dataset: {is_streaming: false, local: null}\ndevice_train_microbatch_size: null\n"
                 "loggers: {wandb: null}\nrecipe_name: ''\nmild: {train_dataset.crop_size: 176}\nmedium: {}\nhot:\n")
            .error() == "");

  const std::vector<std::pair<std::string, std::string>> cases{
      {"eval_dataset: {is_streaming: true}",
       "eval_dataset.is_streaming: got true, but path is /data: expected false, or s3://, https:// or http:// as path"},
      {"eval_dataset: {local_limit: 0}",
       "eval_dataset.local_limit: got 0, expected a number of bytes > 0 (5e11), or null for what the disk has"},
      {"eval_dataset: {path: s3://my-bucket/my-imagenet}",
       "eval_dataset.path: got s3://my-bucket/my-imagenet, but shards are fetched into a folder on a disk of each "
       "node: "
       "expected one as `local`"},
      {"eval_dataset: {path: gs://bucket/set, local: /local}",
       "eval_dataset.path: got gs://bucket/set, but that is none of the servers known here: expected a folder, s3://, "
       "https:// or http://"},
      {"eval_dataset: {local: s3://bucket}",
       "eval_dataset.local: got s3://bucket, but only the shards of a data set may lie in an object store: expected a "
       "path in the file system"},
      {"save_folder: gs://bucket/runs",
       "save_folder: got gs://bucket/runs, but only the shards of a data set may lie in an object store: expected a "
       "path "
       "in the file system"},
      {"device_train_microbatch_size: automatic",
       "device_train_microbatch_size: got automatic, expected a number of images, 1 or more, null for all that a rank "
       "has of a batch, or auto for as many of them as memory has room for"},
      {"loggers: {wandb: {project: p}}",
       "loggers.wandb: got a map of project, but Weights & Biases is not supported in this version: leave the key out"},
      {"max_duration: 1000sp",
       "max_duration: got 1000sp, but the learning-rate schedule follows epochs or batches: expected a time in ep or "
       "ba"},
      {"max_duration: 1dur",
       "max_duration: got 1dur, but the learning-rate schedule follows epochs or batches: expected a time in ep or ba"},
  };
  for (const auto& [text, message] : cases) CHECK(error_of(text + "\n") == "run.yaml:2: " + message);
}

TEST_CASE("an unknown key is answered with the nearest known one, or with all", "[config]") {
  CHECK(error_of("sed: 3\n") == "run.yaml:2: sed: unknown key; did you mean seed?");
  CHECK(error_of("optimizer:\n  lr: 1\n  momentun: 0.9\n") ==
        "run.yaml:4: optimizer.momentun: unknown key; did you mean momentum?");
  CHECK(error_of("optimizer: {nesterov: true}\n") ==
        "run.yaml:2: optimizer.nesterov: unknown key; this section has: lr, momentum, weight_decay");
  CHECK(error_of("loggers: {tensorboard: {}}\n") ==
        "run.yaml:2: loggers.tensorboard: unknown key; this section has: progress_bar, wandb");
  CHECK(error_of_overrides({"train_dataset.flp=false"}) ==
        "command line: train_dataset.flp: unknown key; did you mean flip?");
  // A dotted key of a file is one literal key.
  CHECK(error_of("optimizer.lr: 1\n") == "run.yaml:2: optimizer.lr: unknown key; did you mean optimizer?");
  CHECK(error_of("zzz: 1\n").find("run.yaml:2: zzz: unknown key; known are: run_name, is_train, seed, ") == 0);
}

TEST_CASE("the path of the training data must be given", "[config]") {
  CHECK(YamlFile("seed: 1\ntrain_dataset:\n  flip: false\n", "").error() ==
        "run.yaml:2: train_dataset.path: this key is missing, expected the folder with the shards of both splits, or "
        "its s3:// or https:// address");
  CHECK(YamlFile("seed: 1\n", "").error() ==
        "run.yaml: train_dataset.path: this key is missing, expected the folder with the shards of both splits, or its "
        "s3:// or https:// address");
  CHECK(YamlFile("train_dataset: {pth: /data}\n", "").error() ==
        "run.yaml:1: train_dataset.pth: unknown key; did you mean path?");
}

TEST_CASE("the shipped configurations load", "[config]") {
  const std::string folder = test::source_folder() + "/yamls/";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path());
    CHECK_NOTHROW(load_config(entry.path(), {}, "x"));
    ++files;
  }
  CHECK(files >= 3);

  const Config digits = load_config(folder + "digits.yaml", {}, "x");
  CHECK(digits.train_dataset.path == "demo/shards");
  CHECK(digits.model.num_classes == 10);
  CHECK_FALSE(digits.train_dataset.flip);

  const Config imagenette = load_config(folder + "imagenette.yaml", {"train_dataset.path=/shards"}, "x");
  CHECK(imagenette.eval_dataset.path == "/shards");
  CHECK(imagenette.eval_dataset.resize_size == 73);
  CHECK(imagenette.scheduler.t_warmup == Duration{2, TimeUnit::kEpoch});
}

TEST_CASE("resnet50.yaml gives the defaults, and every key", "[config]") {
  const std::string path = test::source_folder() + "/yamls/resnet50.yaml";
  const Config shipped = load_config(path, {}, "x");
  const Config defaults =
      YamlFile("run_name: r50_i1k_baseline\n", "train_dataset: {path: /path/to/imagenet-shards}\n").load();
  CHECK(shipped.yaml == defaults.yaml);

  const std::string text = test::read_text(path);
  std::size_t start = 0;
  for (std::size_t end = 0; (end = shipped.yaml.find(':', start)) != std::string::npos;
       start = shipped.yaml.find('\n', end) + 1)
    CHECK(text.find("\n" + shipped.yaml.substr(start, end + 1 - start)) != std::string::npos);
}

}  // namespace
}  // namespace mosaic
