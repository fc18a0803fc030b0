#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "device/device_batch.h"
#include "golden_tensors.h"
#include "train/run.h"

namespace mosaic::test {

/// One recorded training run of the reference (tests/golden/README.md), with all that it refers to.
struct Trace {
  nlohmann::json json;
  SafetensorsFile tensors, images;
  std::optional<SafetensorsFile> augmented;
  nlohmann::json weights;  // rules for the initial weights

  explicit Trace(const std::string& path);

  bool in_double() const { return json["options"]["dtype"] == "f64"; }
  /// The configuration of the recorded run.
  Config config() const;
};

/// Paths of the traces of `ranks` processes in the golden folder, for rank `rank`; of those of ResNet-50 two, with MOSAIC_TRACES=all all of them.
std::vector<std::string> traces_of(int ranks, int rank);

/// A run at the trace's start: its configuration, and its closed-form weights, in its type.
std::unique_ptr<Run> start_of(const Trace& trace, ProcessGroup& ranks);

/// `indices` of the trace's images ("train" or "val") as a batch. Training images of a step that RandAugment has changed are
/// taken as it left them.
Batch batch_of(const Trace& trace, const std::string& split, const std::vector<std::int64_t>& indices,
               std::int64_t step = -1);

/// The draws of the recorded run, step by step, in place of random ones.
class RecordedDraws : public StepDraws {
 public:
  explicit RecordedDraws(const nlohmann::json& steps) : steps_(steps) {}
  KeptLines kept_lines(const ColOutConfig& config, std::int64_t height, std::int64_t width,
                       const DrawKey& key) override;
  Mix mix(const MixUpConfig& config, std::int64_t samples, const DrawKey& key) override;
  at::Tensor keep(const std::vector<double>& rates, std::int64_t samples, const DrawKey& key) override;

 private:
  const nlohmann::json& part(const DrawKey& key) const {
    return steps_[key.step]["passes"][key.pass]["microbatches"][key.micro_batch];
  }
  const nlohmann::json& steps_;
};

/// sqrt of the sum of squares over all tensors, in double.
double l2(const std::vector<at::Tensor>& tensors);

}  // namespace mosaic::test
