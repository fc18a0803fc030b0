#include "report/html_report.h"

#include <cmath>
#include <filesystem>

#include "catch.h"
#include "report/curve.h"
#include "report/line_chart.h"
#include "report/run_log.h"
#include "support.h"

namespace mosaic {
namespace {

TEST_CASE("a curve of any length has few points, and their mean is that of all values", "[report]") {
  for (const int batches : {1, 600, 601, 100'000}) {
    Curve curve;
    double sum = 0;
    for (int batch = 1; batch <= batches; ++batch) {
      curve.add(batch, batch % 7);
      sum += batch % 7;
    }
    const auto points = curve.points();
    CHECK(points.size() <= Curve::kMostPoints);
    CHECK(points.size() >= static_cast<std::size_t>(std::min(batches, 300)));
    CHECK(std::abs(points.back().batch - batches) <= std::max(1, batches / 300));
    if (batches <= 600) CHECK(points.back().value == batches % 7);
    double mean = 0;
    for (const auto& p : points) mean += p.value;
    CHECK(std::abs(mean / static_cast<double>(points.size()) - sum / batches) < 0.1);
  }
  Curve nothing;
  nothing.add(1, std::nan(""));
  CHECK(nothing.empty());
}

TEST_CASE("the marks of an axis are few round numbers around its range", "[report]") {
  CHECK(axis_marks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
  CHECK(axis_marks(13, 87, 5) == std::vector<double>{0, 20, 40, 60, 80, 100});
  CHECK(axis_marks(-0.3, 0.3, 5).front() == -0.4);
  for (const double high : {1e-12, 0.37, 7.0, 1e9}) CHECK(axis_marks(0, high, 5).size() <= 7);
  CHECK(short_number(0.2 * 3) == "0.6");
  CHECK(short_number(1'250'000) == "1.25M");
  CHECK(short_number(45'000) == "45k");
}

TEST_CASE("a report shows every run, with all texts escaped and nothing from elsewhere", "[report]") {
  const test::TemporaryFolder folder;
  for (const char* name : {"a<b>", "second"}) {
    RunLog log(folder / name, "run_name: \"a<b>&'\"\n", 0);
    for (int batch = 1; batch <= 20; ++batch)
      log.write(
          batch,
          {{"loss/train/total", 5.0 / batch}, {"lr-DecoupledSGDW/group0", 0.1}, {"throughput/samples_per_sec", 100}});
    log.write(20, {{"metrics/eval/MulticlassAccuracy", 0.625}, {"metrics/eval/SampleCrossEntropy", 1.5}});
    log.write_ranks(20, {{"data", {0.5, 0.25, 0.125}}});
    log.write_summary(
        R"({"exit_reason": "done", "epochs": 2, "seconds": {"train_of_all_starts": 7384}, "step_seconds": {"forward": 3, "backward": 6, "exchange_busy": 50}})");
  }
  const std::string html = html_report({folder / "a<b>", folder / "second"});
  CHECK(html.find("a<b>") == std::string::npos);
  for (const char* text : {"a&lt;b&gt;", "62.50 %", "2 h 03 min", "forward 33.3 %", "backward 66.7 %",
                           "<td>0.1250</td><td>0.2500</td><td>0.5000</td><td>rank 0</td>"})
    CHECK_THAT(html, Catch::Contains(text));
  for (const char* text : {"exchange_busy", "http:", "https:", "<script", ">nan", "nan,", "nan%"})
    CHECK_THAT(html, !Catch::Contains(text));
  std::size_t charts = 0;
  for (std::size_t at = 0; (at = html.find("<svg", at)) != std::string::npos; ++at) ++charts;
  CHECK(charts == 4);
}

TEST_CASE("a report shows the classes, worst first, what they are taken for, and the picture of it", "[report]") {
  const test::TemporaryFolder folder;
  RunLog log(folder.path(), "", 0);
  log.replace("classes.json",
              R"({"epoch": 2, "batch": 20, "classes": [{"name": "good", "images": 10, "correct": 9},
                  {"name": "b<d", "images": 8, "correct": 2}, {"name": "absent", "images": 0, "correct": 0}],
                  "confusions": [{"class": "b<d", "taken_for": "good", "images": 6}]})");
  log.replace("confused.png", "foobar");
  log.finish_report();
  const std::string html = test::read_text(folder / "report.html");
  for (const char* text : {"after 2 epochs, 20 batches", "<td>b&lt;d</td><td>8</td><td>2</td><td>25.0 %</td>",
                           "<td>b&lt;d</td><td>good</td><td>6</td>", "src='data:image/png;base64,Zm9vYmFy'"})
    CHECK_THAT(html, Catch::Contains(text));
  CHECK(html.find("<td>b&lt;d</td><td>8") < html.find("<td>good</td><td>10"));
  CHECK_THAT(html, !Catch::Contains("absent"));

  test::write_text(folder / "classes.json", R"({"epoch": 2, "batch": 20, "classes": [{"name": 3}]})");
  CHECK_THAT(test::message_of([&] { html_report({folder.path()}); }),
             Catch::Contains("classes.json: not as a run has written it: "));
  RunLog(folder.path(), "", 0);  // a new run begins there: those classes are not its own
  CHECK_FALSE(std::filesystem::exists(folder / "classes.json"));
  CHECK_FALSE(std::filesystem::exists(folder / "confused.png"));
}

TEST_CASE("while a run goes on, its report is made in the background", "[report]") {
  const test::TemporaryFolder folder;
  {
    RunLog log(folder.path(), "", 0);
    for (int batch = 1; batch <= 50; ++batch) {
      log.write(batch, {{"loss/train/total", 1.0 / batch}});
      log.start_report();
    }
  }
  CHECK_THAT(test::read_text(folder / "report.html"), Catch::Contains("not yet"));  // the run has not ended
}

TEST_CASE("a report of a folder that is no run says what is missing", "[report]") {
  const test::TemporaryFolder folder;
  CHECK_THAT(test::message_of([&] { html_report({folder.path()}); }), Catch::Contains("config.yaml: cannot open"));
  test::write_text(folder / "config.yaml", "");
  test::write_text(folder / "metrics.jsonl", "{\"batch\": 1}\nnot a number\n");
  CHECK(test::message_of([&] { html_report({folder.path()}); }) ==
        folder / "metrics.jsonl: line 2: expected an object with a whole number `batch`");
}

}  // namespace
}  // namespace mosaic
