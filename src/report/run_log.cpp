#include "report/run_log.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {

namespace fs = std::filesystem;

struct RunLog::State {
  std::string path;
  std::FILE* file = nullptr;

  ~State() {
    if (file) std::fclose(file);
  }
};

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

void make_room(const std::string& folder, const std::string& path, std::int64_t first_batch) {
  if (!fs::exists(path)) return;
  if (first_batch > 0) {
    const auto bytes = read_file(path);
    write_file_atomically(path, lines_up_to({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, first_batch));
    return;
  }
  for (int n = 1;; ++n) {
    const std::string older = str(folder, "/metrics-", n, ".jsonl");
    if (fs::exists(older)) continue;
    fs::rename(path, older);
    return;
  }
}

}  // namespace

RunLog::RunLog(std::string folder, const std::string& config_yaml, std::int64_t first_batch)
    : folder_(std::move(folder)), state_(std::make_unique<State>()) {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (!fs::is_directory(folder_)) {
    const std::string reason = fs::exists(folder_) ? "a file with that name is there" : failure.message();
    throw Error(str("log_folder: cannot make the folder ", folder_, ": ", reason));
  }
  write_file_atomically(folder_ + "/config.yaml", config_yaml);
  state_->path = folder_ + "/metrics.jsonl";
  make_room(folder_, state_->path, first_batch);
  state_->file = std::fopen(state_->path.c_str(), "a");
  if (!state_->file) throw_system_error(state_->path, "open for writing");
}

RunLog::~RunLog() = default;

void RunLog::write(std::int64_t batch, const Metrics& metrics) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  nlohmann::ordered_json line = {{"batch", batch}, {"time", std::round(now * 1000) / 1000}};
  for (const auto& [name, value] : metrics) {
    if (std::isfinite(value))
      line[name] = value;
    else
      line[name] = nullptr;
  }
  const std::string text = line.dump() + "\n";
  // Flushed line by line: whoever follows the file sees whole lines, and a crash loses none that were written.
  if (std::fwrite(text.data(), 1, text.size(), state_->file) != text.size() || std::fflush(state_->file) != 0)
    throw_system_error(state_->path, "write");
}

void RunLog::write_summary(const std::string& json) { write_file_atomically(folder_ + "/summary.json", json + "\n"); }

}  // namespace mosaic
