#include "plan/calibration.h"

#include "catch.h"
#include "plan/plans.h"
#include "support.h"

using namespace mosaic;
using namespace mosaic::test;

TEST_CASE("a calibration file is read back as it was written, and each number of ranks has its own") {
  const TemporaryFolder folder;
  const std::string path = folder / "calibration.json";
  Calibration two = calibration_of(planned_config());
  add_calibration(path, two);
  CHECK(calibrations_json(read_calibrations(path)) == calibrations_json({two}));
  Calibration four = two;
  four.ranks = 4;
  add_calibration(path, four);
  Calibration wide = two;
  wide.config = planned_config("precision: amp_bf16\n").yaml;
  add_calibration(path, wide);
  two.start_seconds = 9;
  add_calibration(path, two);
  CHECK(calibrations_json(read_calibrations(path)) == calibrations_json({four, wide, two}));
}

TEST_CASE("what is no calibration is refused, and not overwritten") {
  const TemporaryFolder folder;
  const std::string path = folder / "calibration.json";
  const Calibration good = calibration_of(planned_config());
  const auto refusal = [&](const std::string& text) {
    write_text(path, text);
    const std::string message = message_of([&] { add_calibration(path, good); });
    CHECK(read_text(path) == text);
    return message;
  };
  CHECK(refusal("{}") == path + ": is no calibration, expected a file that --check --calibration has written");
  CHECK(refusal("run: 1") == path + ": is no calibration, expected a file that --check --calibration has written");
  CHECK(refusal(R"({"format": 2, "calibrations": []})") ==
        path + ": format: got 2, this program reads 1: write it anew");
  CHECK(refusal(R"({"format": 1, "calibrations": []})") ==
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
  CHECK(with("\"ranks\": 2,", "") == where + "ranks is missing: write it anew with --check --calibration");
  CHECK(with("\"side\": 48", "\"side\": \"48\"") ==
        where + "steps[0]: side: got \"48\", expected a number, at least 1");
}
