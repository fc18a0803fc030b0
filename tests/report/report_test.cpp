#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "report/progress_bar.h"
#include "report/run_log.h"
#include "shards/small_disk.h"
#include "support.h"

namespace mosaic {
namespace {

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(test::read_text(path));
  for (std::string line; std::getline(text, line) && !text.eof();)  // whole lines
    lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST_CASE("metrics are lines of JSON with their names, what is not finite is null", "[report]") {
  const test::TemporaryFolder folder;
  RunLog log(folder / "run", "run_name: x\n", 0);
  log.write(0, {{"loss/train/total", 2.5}});
  log.write(1, {{"loss/train/total", std::numeric_limits<double>::quiet_NaN()}});
  const auto lines = lines_of(folder / "run/metrics.jsonl");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["batch"] == 0);
  CHECK(lines[0]["loss/train/total"] == 2.5);
  CHECK(lines[1]["loss/train/total"].is_null());
  CHECK(test::read_text(folder / "run/config.yaml") == "run_name: x\n");
}

TEST_CASE("a run that continues goes on with its metrics, without what it does again", "[report]") {
  const test::TemporaryFolder folder;
  {
    RunLog log(folder.path(), "", 0);
    for (int batch = 1; batch <= 5; ++batch) log.write(batch, {{"x", batch}});
  }
  test::write_text(folder / "metrics.jsonl", test::read_text(folder / "metrics.jsonl") + "{\"batch\": 6, \"x");
  RunLog(folder.path(), "", 3).write(4, {{"x", 40}});
  const auto lines = lines_of(folder / "metrics.jsonl");
  REQUIRE(lines.size() == 4);
  CHECK(lines[2]["x"] == 3);
  CHECK(lines[3]["x"] == 40);
}

TEST_CASE("a full disk costs no line: what could not be written follows when there is room", "[report]") {
  const test::SmallDisk disk(256 << 10);
  if (!disk.mounted()) return;
  RunLog log(disk.path(), "", 0);
  const std::string filler = disk.path() + "/filler";
  log.write(1, {{"x", 1}});
  {
    std::ofstream file(filler, std::ios::binary);
    file << std::string(1 << 20, 'x') << std::flush;
    CHECK_FALSE(file.good());
  }
  for (int batch = 2; batch <= 500; ++batch) {
    log.write(batch, {{"x", batch}});
    log.write_ranks(batch, {{"x", {1.0, 2.0}}});
  }
  log.write_summary("{}");  // a warning
  CHECK(lines_of(disk.path() + "/metrics.jsonl").size() < 500);
  std::filesystem::remove(filler);
  log.write(501, {{"x", 501}});
  log.write_ranks(501, {{"x", {1.0, 2.0}}});
  const auto lines = lines_of(disk.path() + "/metrics.jsonl");
  REQUIRE(lines.size() == 501);
  for (int batch = 1; batch <= 501; ++batch) CHECK(lines[batch - 1]["x"] == batch);
  CHECK(lines_of(disk.path() + "/ranks.jsonl").size() == 500);
}

TEST_CASE("numbers of ranks are lists, to the millionth", "[report]") {
  const test::TemporaryFolder folder;
  RunLog(folder.path(), "", 0).write_ranks(50, {{"data", {0.00012345, 2}}, {"compute", {1, 3}}});
  const auto line = lines_of(folder / "ranks.jsonl").at(0);
  CHECK(line["batch"] == 50);
  CHECK(line["data"] == std::vector<double>{0.000123, 2});
  CHECK(line["compute"] == std::vector<double>{1, 3});
}

TEST_CASE("a new run in the same folder loses nothing of the old one", "[report]") {
  const test::TemporaryFolder folder;
  for (int run = 0; run < 3; ++run) RunLog(folder.path(), "", 0).write(1, {{"run", run}});
  CHECK(lines_of(folder / "metrics-1.jsonl")[0]["run"] == 0);
  CHECK(lines_of(folder / "metrics-2.jsonl")[0]["run"] == 1);
  CHECK(lines_of(folder / "metrics.jsonl")[0]["run"] == 2);
}

TEST_CASE("a log folder that cannot be made says why", "[report]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "runs", "");
  CHECK(test::message_of([&] { RunLog(folder / "runs", "", 0); }) ==
        "log_folder: cannot make the folder " + folder / "runs: a file with that name is there");
  CHECK(test::message_of([&] { RunLog(folder / "runs/a", "", 0); }) ==
        "log_folder: cannot make the folder " + folder / "runs/a: Not a directory");
}

TEST_CASE("the bar says how far, how fast, how long", "[report]") {
  CHECK(ProgressBar::line("train", 50, 200, 0, 100, "loss/train/total=2.3026") ==
        "train  25% [######...................] 50/200 01:40<05:00 0.50 ba/s  loss/train/total=2.3026");
  CHECK(ProgressBar::line("train", 60, 200, 50, 20, "") ==
        "train  30% [#######..................] 60/200 00:20<04:40 0.50 ba/s");
  CHECK(clock_time(3723) == "1:02:03");
  CHECK(clock_time(59.7) == "01:00");
}

}  // namespace
}  // namespace mosaic
