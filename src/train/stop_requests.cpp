#include "train/stop_requests.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/error.h"
#include "base/stop_signal.h"

namespace mosaic {
namespace {

const double kProcessStart = static_cast<double>(std::time(nullptr));  // seconds since 1970
constexpr std::chrono::seconds kLookEvery{1};  // a shared file system need not be asked at every step

}  // namespace

StopRequests::StopRequests(std::string log_folder, std::optional<double> job_end, double margin)
    : log_folder_(std::move(log_folder)), job_end_(job_end), margin_(margin) {}

Requests StopRequests::poll() {
  Requests requests;
  if (const int signal = stop_signal(); signal && reason_.empty()) reason_ = signal_name(signal);
  if (const auto now = std::chrono::steady_clock::now(); !log_folder_.empty() && now >= next_look_) {
    next_look_ = now + kLookEvery;
    requests.save = take_file("save");
    if (take_file("stop") && reason_.empty()) reason_ = log_folder_ + "/stop";
    if (job_end_ && reason_.empty() && static_cast<double>(std::time(nullptr)) + margin_ >= *job_end_)
      reason_ = str("the job's time ends in ", *job_end_ - static_cast<double>(std::time(nullptr)), " s");
  }
  requests.stop = !reason_.empty();
  return requests;
}

bool StopRequests::take_file(const char* name) const {
  std::error_code ignored;  // a folder that cannot be read is no request
  return std::filesystem::remove(log_folder_ + "/" + name, ignored);
}

std::optional<double> slurm_job_end() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  char* end = nullptr;
  const double seconds = text ? std::strtod(text, &end) : 0;
  if (!text || end == text || *end != '\0' || seconds <= 0) return std::nullopt;
  return seconds;
}

std::optional<double> job_end(std::optional<double> time_limit) {
  const std::optional<double> slurm = slurm_job_end();
  if (!time_limit) return slurm;
  return slurm ? std::min(*slurm, kProcessStart + *time_limit) : kProcessStart + *time_limit;
}

}  // namespace mosaic
