#include "report/run_record.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string text_of(const std::string& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Calls visit(line) for each whole line, an object with a whole number "batch".
template <class Visit>
void visit_lines(const std::string& path, Visit visit) {
  const std::string text = text_of(path);
  int number = 0;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    ++number;
    const Json line = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                  text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (!line.is_object() || !line.contains("batch") || !line["batch"].is_number_integer())
      throw Error(str(path, ": line ", number, ": expected an object with a whole number `batch`"));
    visit(line);
  }
}

void read_metrics(RunRecord& run) {
  visit_lines(run.folder + "/metrics.jsonl", [&](const Json& line) {
    const std::int64_t batch = line["batch"];
    for (const auto& item : line.items())
      if (item.value().is_number() && item.key() != "batch") run.curves[item.key()].add(batch, item.value());
  });
}

void read_ranks(RunRecord& run) {
  const std::string path = run.folder + "/ranks.jsonl";
  if (!fs::exists(path)) return;
  std::map<std::string, std::pair<std::vector<double>, std::int64_t>> sums;  // of each rank, and of how many lines
  visit_lines(path, [&](const Json& line) {
    for (const auto& item : line.items()) {
      if (!item.value().is_array()) continue;
      auto& [sum, lines] = sums[item.key()];
      if (sum.size() != item.value().size())
        sum.assign(item.value().size(), 0), lines = 0;  // another number of ranks from here on
      for (std::size_t r = 0; r < sum.size(); ++r)
        if (item.value()[r].is_number()) sum[r] += item.value()[r].get<double>();
      ++lines;
    }
  });
  for (auto& [name, sum] : sums) {
    for (double& value : sum.first) value /= static_cast<double>(sum.second);
    run.of_ranks.emplace_back(name, std::move(sum.first));
  }
}

void collect_numbers(const Json& object, const std::string& before, std::map<std::string, double>& numbers) {
  for (const auto& item : object.items()) {
    if (item.value().is_number()) numbers[before + item.key()] = item.value();
    if (item.value().is_object()) collect_numbers(item.value(), before + item.key() + ".", numbers);
  }
}

void read_summary(RunRecord& run) {
  const std::string path = run.folder + "/summary.json";
  if (!fs::exists(path)) return;
  const Json summary = Json::parse(text_of(path), nullptr, false);
  if (!summary.is_object()) throw Error(path + ": expected an object");
  collect_numbers(summary, "", run.summary);
  if (summary.contains("exit_reason") && summary["exit_reason"].is_string()) run.exit_reason = summary["exit_reason"];
  if (summary.contains("run_name") && summary["run_name"].is_string()) run.name = summary["run_name"];
  if (summary.contains("step_seconds") && summary["step_seconds"].is_object())
    for (const auto& item : summary["step_seconds"].items())
      if (item.value().is_number()) run.step_seconds.emplace_back(item.key(), item.value());
}

void read_classes(RunRecord& run) {
  const std::string path = run.folder + "/classes.json";
  if (!fs::exists(path)) return;
  const Json json = Json::parse(text_of(path), nullptr, false);
  try {
    run.classes.epoch = json.at("epoch");
    run.classes.batch = json.at("batch");
    for (const auto& c : json.at("classes"))
      run.classes.classes.push_back({c.at("name"), c.at("images"), c.at("correct")});
    for (const auto& c : json.at("confusions"))
      run.classes.confusions.push_back({c.at("class"), c.at("taken_for"), c.at("images")});
  } catch (const Json::exception& e) {
    throw Error(str(path, ": not as a run has written it: ", e.what()));
  }
  if (const std::string picture = run.folder + "/confused.png"; fs::exists(picture))
    run.classes.picture = text_of(picture);
}

}  // namespace

RunRecord read_run(const std::string& folder) {
  RunRecord run;
  run.folder = folder;
  run.name = fs::path(folder).lexically_normal().filename().string();
  if (run.name.empty()) run.name = fs::path(folder).lexically_normal().parent_path().filename().string();
  run.config = text_of(folder + "/config.yaml");
  read_metrics(run);
  read_ranks(run);
  read_summary(run);
  read_classes(run);
  if (const std::string events = folder + "/tensorboard"; fs::exists(events))  // each start leaves a file
    run.starts = static_cast<int>(std::distance(fs::directory_iterator(events), fs::directory_iterator()));
  return run;
}

}  // namespace mosaic
