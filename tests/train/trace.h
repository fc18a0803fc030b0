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
  nlohmann::json weights;  // rules for the initial weights

  explicit Trace(const std::string& path);

  bool in_double() const { return json["options"]["dtype"] == "f64"; }
  /// The configuration of the recorded run.
  Config config() const;
};

/// Names of the traces of one process in the golden folder that need no algorithm.
std::vector<std::string> baseline_traces();

/// A run at the trace's start: its configuration, and its closed-form weights, in its type.
std::unique_ptr<Run> start_of(const Trace& trace, ProcessGroup& ranks);

/// `indices` of the trace's images ("train" or "val") as a batch on the device.
Batch batch_of(const Trace& trace, const std::string& split, const std::vector<std::int64_t>& indices);

/// sqrt of the sum of squares over all tensors, in double.
double l2(const std::vector<at::Tensor>& tensors);

}  // namespace mosaic::test
