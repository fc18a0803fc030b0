#include "report/run_log.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "report/event_file.h"
#include "report/growing_file.h"
#include "report/html_report.h"

namespace mosaic {

namespace fs = std::filesystem;

namespace {

/// Lines of `text` up to batch `last`; a line that a crash has cut short is dropped.
std::string lines_up_to(const std::string& text, std::int64_t last) {
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto line = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (line.is_object() && line.value("batch", std::int64_t{-1}) <= last) kept += text.substr(begin, end + 1 - begin);
    begin = end + 1;
  }
  return kept;
}

/// BEFORE1AFTER, BEFORE2AFTER, ...: the first that is not there.
std::string first_free(const std::string& before, const std::string& after) {
  for (int n = 1;; ++n)
    if (std::string path = str(before, n, after); !fs::exists(path)) return path;
}

/// FOLDER/NAME.jsonl of an earlier run: see RunLog.
void make_room(const std::string& folder, const std::string& name, std::int64_t first_batch) {
  const std::string path = str(folder, "/", name, ".jsonl");
  if (!fs::exists(path)) return;
  if (first_batch > 0) {
    const auto bytes = read_file(path);
    write_file_atomically(path, lines_up_to({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, first_batch));
    return;
  }
  fs::rename(path, first_free(str(folder, "/", name, "-"), ".jsonl"));
}

/// The folder of event files of an earlier run, likewise; what lies beyond `first_batch` the new file takes back.
void make_room_for_events(const std::string& folder, std::int64_t first_batch) {
  const std::string path = folder + "/tensorboard";
  if (first_batch == 0 && fs::exists(path)) fs::rename(path, first_free(path + "-", ""));
  fs::create_directories(path);
}

/// Seconds since 1970, to the millisecond.
double now() {
  return std::round(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() * 1000) /
         1000;
}

/// Nice to have, and no reason to fail.
void make_report(const std::string& folder) {
  try {
    write_file_atomically(folder + "/report.html", html_report({folder}));
  } catch (const Error& e) {
    log_warning(str(e.what(), ": no report.html"));
  }
}

}  // namespace

struct RunLog::State {
  GrowingFile metrics, ranks;
  EventFile events;
  std::thread report = {};
  std::atomic<bool> report_is_made = true;
};

RunLog::RunLog(std::string folder, const std::string& config_yaml, std::int64_t first_batch)
    : folder_(std::move(folder)) {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (!fs::is_directory(folder_)) {
    const std::string reason = fs::exists(folder_) ? "a file with that name is there" : failure.message();
    throw Error(str("log_folder: cannot make the folder ", folder_, ": ", reason));
  }
  write_file_atomically(folder_ + "/config.yaml", config_yaml);
  for (const char* name : {"metrics", "ranks"}) make_room(folder_, name, first_batch);
  make_room_for_events(folder_, first_batch);
  state_.reset(new State{.metrics = GrowingFile(folder_ + "/metrics.jsonl"),
                         .ranks = GrowingFile(folder_ + "/ranks.jsonl"),
                         .events = EventFile(folder_ + "/tensorboard", now(), first_batch)});
  if (first_batch == 0) {  // an earlier run's
    for (const char* name : {"/classes.json", "/confused.png"}) fs::remove(folder_ + name, failure);
  }
  if (first_batch == 0) state_->events.add_text("config.yaml", "```yaml\n" + config_yaml + "```", now(), 0);
}

RunLog::~RunLog() {
  if (state_->report.joinable()) state_->report.join();
}

void RunLog::write(std::int64_t batch, const Metrics& metrics) {
  const double time = now();
  nlohmann::ordered_json line = {{"batch", batch}, {"time", time}};
  for (const auto& [name, value] : metrics) {
    if (std::isfinite(value))
      line[name] = value;
    else
      line[name] = nullptr;
  }
  state_->metrics.add(line.dump() + "\n");
  state_->events.add_scalars(metrics, time, batch);
}

void RunLog::write_picture(std::int64_t batch, const std::string& name, const std::string& png) {
  state_->events.add_image(name, png, now(), batch);
}

void RunLog::write_ranks(std::int64_t batch, const std::vector<std::pair<std::string, std::vector<double>>>& numbers) {
  nlohmann::ordered_json line = {{"batch", batch}, {"time", now()}};
  for (const auto& [name, values] : numbers) {
    auto& list = line[name] = nlohmann::ordered_json::array();
    for (const double value : values) list.push_back(std::round(value * 1e6) / 1e6);
  }
  state_->ranks.add(line.dump() + "\n");
}

void RunLog::write_summary(const std::string& json) {
  try {
    write_file_atomically(folder_ + "/summary.json", json + "\n");
  } catch (const Error& e) {  // the run is over and its weights are saved: this is no reason to fail
    log_warning(str(e.what(), "; the summary is\n", json));
  }
}

void RunLog::replace(const std::string& file_name, const std::string& contents) {
  try {
    write_file_atomically(folder_ + "/" + file_name, contents);
  } catch (const Error& e) {
    log_warning(e.what());
  }
}

void RunLog::start_report() {
  if (!state_->report_is_made) return;
  if (state_->report.joinable()) state_->report.join();
  state_->report_is_made = false;
  state_->report = std::thread([this] {
    make_report(folder_);
    state_->report_is_made = true;
  });
}

void RunLog::finish_report() {
  if (state_->report.joinable()) state_->report.join();
  make_report(folder_);
}

}  // namespace mosaic
