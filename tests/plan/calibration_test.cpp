#include "plan/calibration.h"

#include "catch.h"
#include "plan/plans.h"
#include "support.h"

using namespace mosaic;
using namespace mosaic::test;

TEST_CASE("a calibration file is read back as it was written, and each number of ranks has its own") {
  const TemporaryFolder folder;
  const std::string path = folder / "calibration.json";
  const Config config = planned_config();
  Calibration two = calibration_of(config);
  add_calibration(path, two, config);
  CHECK(calibrations_json(read_calibrations(path)) == calibrations_json({two}));
  Calibration four = two;
  four.ranks = 4;
  add_calibration(path, four, config);
  const Config half = planned_config("precision: amp_bf16\n");
  Calibration other = calibration_of(half);
  other.precision = "amp_bf16";
  add_calibration(path, other, half);
  Calibration on_gpu = two;
  on_gpu.device = "NVIDIA H100";
  on_gpu.precision = "amp_fp16";
  add_calibration(path, on_gpu, config);
  two.start_seconds = 9;
  add_calibration(path, two, config);
  CHECK(calibrations_json(read_calibrations(path)) == calibrations_json({four, other, on_gpu, two}));
}

TEST_CASE("steps are others in another net, on another device, in another precision, with other layers") {
  const Calibration cpu = calibration_of(planned_config());
  CHECK(another_net(cpu, planned_config()).empty());
  CHECK(another_net(cpu, planned_config("device: cpu\n")).empty());
  CHECK(another_net(cpu, planned_config("device: gpu\n")) == "device is gpu, calibrated was cpu");
  CHECK(another_net(cpu, planned_config("fused_layers: false\n")) == "fused_layers is false, calibrated was true");
  // What nothing is said about follows from the device.
  CHECK(another_net(cpu, planned_config("precision: fp32\n")).empty());
  CHECK(another_net(cpu, planned_config("precision: amp_fp16\n")) == "precision is amp_fp16, calibrated was fp32");
  Calibration gpu = cpu;
  gpu.device = "NVIDIA H100";
  gpu.precision = "amp_fp16";
  CHECK(another_net(gpu, planned_config()).empty());
  CHECK(another_net(gpu, planned_config("precision: amp_fp16\n")).empty());
  CHECK(another_net(gpu, planned_config("precision: fp32\n")) == "precision is fp32, calibrated was amp_fp16");
  CHECK(another_net(gpu, planned_config("device: cpu\n")) == "device is cpu, calibrated was NVIDIA H100");
  Config wide = planned_config();
  wide.yaml.replace(wide.yaml.find("width: 16"), 9, "width: 32");
  CHECK(another_net(cpu, wide) == "model.width is 32, calibrated was 16");
}

TEST_CASE("what is no calibration is refused, and not overwritten") {
  const TemporaryFolder folder;
  const std::string path = folder / "calibration.json";
  const Config config = planned_config();
  const Calibration good = calibration_of(config);
  const auto refusal = [&](const std::string& text) {
    write_text(path, text);
    const std::string message = message_of([&] { add_calibration(path, good, config); });
    CHECK(read_text(path) == text);
    return message;
  };
  CHECK(refusal("{}") == path + ": is no calibration, expected a file that --check --calibration has written");
  CHECK(refusal("run: 1") == path + ": is no calibration, expected a file that --check --calibration has written");
  CHECK(refusal(R"({"format": 1, "calibrations": []})") ==
        path + ": format: got 1, this program reads 2: remove the file and write it anew with --check --calibration");
  CHECK(refusal(R"({"format": 2, "calibrations": []})") ==
        path + ": calibrations: got [], expected a list, at least 1 long");

  const std::string whole = calibrations_json({good});
  const auto with = [&](const std::string& before, const std::string& after) {
    std::string text = whole;
    text.replace(text.find(before), before.size(), after);
    return refusal(text);
  };
  const std::string where = path + ": calibrations[0]: ";
  CHECK(with("\"ranks\": 2", "\"ranks\": 0") == where + "ranks: got 0, expected a number, at least 1");
  CHECK(with("\"ranks\": 2", "\"ranks\": 1.5") == where + "ranks: got 1.5, expected a whole number");
  CHECK(with("\"ranks\": 2,", "") ==
        where + "ranks is missing: remove the file and write it anew with --check --calibration");
  CHECK(with("\"side\": 48", "\"side\": \"48\"") ==
        where + "steps[0]: side: got \"48\", expected a number, at least 1");
}
