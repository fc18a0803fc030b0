#include "train/trace.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
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

}  // namespace

Trace::Trace(const std::string& path)
    : json(nlohmann::json::parse(read_text(path))),
      tensors(fs::path(path).replace_extension(".safetensors")),
      images(beside(path, json["images"])),
      weights(nlohmann::json::parse(read_text(beside(path, json["weights"])))) {}

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
  return config;
}

std::vector<std::string> baseline_traces() {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(golden_folder())) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("trace_") || !name.ends_with(".json") || name.find("_resnet") == std::string::npos ||
        name.starts_with("trace_weights_"))
      continue;
    const auto json = nlohmann::json::parse(read_text(entry.path()));
    if (json["algorithms"].empty() && json["world_size"] == 1) paths.push_back(entry.path());
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
  if (filled != targets.size()) throw Error("the trace's weights do not cover the net");
  return run;
}

Batch batch_of(const Trace& trace, const std::string& split, const std::vector<std::int64_t>& indices) {
  const at::Tensor index = at::tensor(indices, at::kLong);
  const at::Tensor bytes = tensor_of(trace.images.get(split + "_images")).index_select(0, index);
  return {.images = normalise(bytes.permute({0, 2, 3, 1}).contiguous(), trace.in_double() ? at::kDouble : at::kFloat),
          .labels = tensor_of(trace.images.get(split + "_labels")).index_select(0, index)};
}

double l2(const std::vector<at::Tensor>& tensors) {
  double sum = 0;
  for (const at::Tensor& t : tensors) sum += t.detach().to(at::kDouble).pow(2).sum().item<double>();
  return std::sqrt(sum);
}

}  // namespace mosaic::test
