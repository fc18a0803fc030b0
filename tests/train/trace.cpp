#include "train/trace.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/sha256.h"
#include "device/device_batch.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

std::string beside(const std::string& path, const std::string& name) { return fs::path(path).parent_path() / name; }

std::uint64_t splitmix64(std::uint64_t seed, std::uint64_t i) {
  std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// A weight by its rule: "Closed-form tensors" of the golden README.
at::Tensor closed_form(const nlohmann::json& rule) {
  const at::Tensor tensor = at::empty(rule["shape"].get<std::vector<std::int64_t>>(), at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  const std::string kind = rule["kind"];
  const std::uint64_t seed = kind == "const" ? 0 : std::stoull(rule["seed"].get<std::string>());
  const double a = kind == "const" ? rule["value"].get<double>() : rule["a"].get<double>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    const auto u = static_cast<double>(splitmix64(seed, static_cast<std::uint64_t>(i)) >> 40);
    values[i] = static_cast<float>(kind == "const" ? a
                                   : kind == "sym" ? a * ((2 * u + 1 - 0x1p24) / 0x1p24)
                                                   : a * ((u + 0.5) / 0x1p24));
  }
  Sha256 hash;
  hash.add({reinterpret_cast<const std::byte*>(values), tensor.nbytes()});
  if (hash.hex() != rule["sha256"]) throw Error(str("closed-form weight ", rule["name"], " has another hash"));
  return tensor;
}

AlgorithmsConfig algorithms_of(const nlohmann::json& trace) {
  AlgorithmsConfig algorithms;
  for (const auto& [name, values] : trace["hyperparameters"].items()) {
    if (name == "BlurPool")
      algorithms.blurpool.emplace();
    else if (name == "ChannelsLast")
      algorithms.channels_last = true;
    else if (name == "EMA")
      algorithms.ema = {.half_life = Duration::parse(values["half_life"].get<std::string>()),
                        .update_interval = Duration::parse(values["update_interval"].get<std::string>())};
    else if (name == "ProgressiveResizing")
      algorithms.progressive_resizing = {.initial_scale = values["initial_scale"],
                                         .delay_fraction = values["delay_fraction"],
                                         .finetune_fraction = values["finetune_fraction"],
                                         .size_increment = values["size_increment"],
                                         .mode = ResizeMode::kDeviceNearest};
    else if (name == "LabelSmoothing")
      algorithms.label_smoothing = {.smoothing = values["smoothing"]};
    else if (name == "MixUp")
      algorithms.mixup = {.alpha = values["alpha"]};
    else if (name == "SAM")
      algorithms.sam = {.rho = values["rho"], .epsilon = values["epsilon"], .interval = values["interval"]};
    else if (name == "ColOut")
      algorithms.colout = {.p_row = values["p_row"], .p_col = values["p_col"]};
    else if (name == "StochasticDepth")
      algorithms.stochastic_depth = {.drop_rate = values["drop_rate"]};
    else if (name != "RandAugment")  // its images are part of the trace
      throw Error(str("a trace with the unknown algorithm ", name));
  }
  return algorithms;
}

// ResNet-50 takes five times as long as ResNet-18, and differs in its blocks only.
bool is_usual(const std::string& name) {
  return name.find("_resnet50") == std::string::npos || name == "trace_baseline_resnet50_f64.json" ||
         name == "trace_hot_resnet50_f64.json";
}

}  // namespace

Trace::Trace(const std::string& path)
    : json(nlohmann::json::parse(read_text(path))),
      tensors(fs::path(path).replace_extension(".safetensors")),
      images(beside(path, json["images"])),
      weights(nlohmann::json::parse(read_text(beside(path, json["weights"])))) {
  if (json.contains("augmented_images") && json["augmented_images"].is_string())
    augmented.emplace(beside(path, json["augmented_images"]));
}

Config Trace::config() const {
  Config config;
  config.model = {
      .name = json["options"]["arch"],
      .loss_name = json["loss"] == "cross_entropy" ? LossName::kCrossEntropy : LossName::kBinaryCrossEntropy,
      .num_classes = json["options"]["classes"]};
  config.train_dataset.batch_size = json["options"]["batch"];
  config.eval_dataset.batch_size = json["options"]["evalbatch"];
  config.optimizer = {.lr = json["lr"], .momentum = json["momentum"], .weight_decay = json["weight_decay"]};
  config.scheduler = {.t_warmup = Duration::parse(json["t_warmup"].get<std::string>()), .alpha_f = json["alpha_f"]};
  config.max_duration = Duration::parse(json["max_duration"].get<std::string>());
  if (!json["microbatch"].is_null()) config.device_train_microbatch_size = json["microbatch"].get<std::int64_t>();
  config.algorithms = algorithms_of(json);
  // ResNet-50 in float32 is too sensitive for a comparison step by step with sums that round otherwise: one ReLU near 0
  // that flips in the second step moves the gradients' norm by up to 4e-4, as it does with a second thread. ResNet-18 is replayed with fused
  // layers; tests/model compares them with the operators layer by layer.
  config.fused_layers = config.model.name != "resnet50";
  return config;
}

std::vector<std::string> traces_of(int ranks, int rank) {
  const char* wanted = std::getenv("MOSAIC_TRACES");
  const bool all = wanted && wanted == std::string("all");
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(golden_folder())) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("trace_") || !name.ends_with(".json") || name.find("_resnet") == std::string::npos ||
        name.starts_with("trace_weights_") || !(all || is_usual(name)))
      continue;
    const auto json = nlohmann::json::parse(read_text(entry.path()));
    if (json["world_size"] == ranks && json["rank"] == rank) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::unique_ptr<Run> start_of(const Trace& trace, ProcessGroup& ranks) {
  const auto type = trace.in_double() ? at::kDouble : at::kFloat;
  auto run = build_run(trace.config(), ranks, at::kCPU, type, trace.images.get("train_labels").shape[0]);
  std::map<std::string, at::Tensor> targets;
  for (const auto& p : run->net.parameters()) targets[p.name] = p.tensor;
  for (const auto& b : run->net.buffers()) targets[b.name] = b.tensor;
  const c10::NoGradGuard no_grad;
  std::size_t filled = 0;
  for (const auto& rule : trace.weights) {
    const auto target = targets.find(rule["name"]);
    if (target == targets.end()) continue;  // num_batches_tracked
    target->second.copy_(closed_form(rule));
    ++filled;
  }
  run->draws = std::make_unique<RecordedDraws>(trace.json["steps"]);
  if (filled != targets.size()) throw Error("the trace's weights do not cover the net");
  return run;
}

Batch batch_of(const Trace& trace, const std::string& split, const std::vector<std::int64_t>& indices,
               std::int64_t step) {
  const at::Tensor index = at::tensor(indices, at::kLong);
  char name[32];
  std::snprintf(name, sizeof name, "step%02d.images", static_cast<int>(step));
  const bool augmented = trace.augmented && trace.augmented->has(name);
  const at::Tensor bytes = augmented ? tensor_of(trace.augmented->get(name))
                                     : tensor_of(trace.images.get(split + "_images")).index_select(0, index);
  return {.images = normalise(bytes.permute({0, 2, 3, 1}).contiguous(), trace.in_double() ? at::kDouble : at::kFloat),
          .labels = tensor_of(trace.images.get(split + "_labels")).index_select(0, index)};
}

KeptLines RecordedDraws::kept_lines(const ColOutConfig&, std::int64_t, std::int64_t, const DrawKey& key) {
  const auto& recorded = steps_[key.step]["colout"];
  return {.rows = at::tensor(recorded["rows"].get<std::vector<std::int64_t>>(), at::kLong),
          .columns = at::tensor(recorded["cols"].get<std::vector<std::int64_t>>(), at::kLong)};
}

Mix RecordedDraws::mix(const MixUpConfig&, std::int64_t, const DrawKey& key) {
  return {.coefficient = part(key)["m"],
          .partners = at::tensor(part(key)["perm"].get<std::vector<std::int64_t>>(), at::kLong)};
}

at::Tensor RecordedDraws::keep(const std::vector<double>&, std::int64_t, const DrawKey& key) {
  std::vector<at::Tensor> blocks;
  for (const auto& mask : part(key)["sd_masks"])
    blocks.push_back(at::tensor(mask.get<std::vector<double>>(), at::kFloat));
  return at::stack(blocks);
}

double l2(const std::vector<at::Tensor>& tensors) {
  double sum = 0;
  for (const at::Tensor& t : tensors) sum += t.detach().to(at::kDouble).pow(2).sum().item<double>();
  return std::sqrt(sum);
}

}  // namespace mosaic::test
