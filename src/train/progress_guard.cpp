#include "train/progress_guard.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

constexpr int kMostStarts = 3;  // after the same batch

/// Starts that are on record after `batch`; 0 without a record, or with one that cannot be read.
int earlier_starts(const std::string& path, std::int64_t batch) {
  if (!std::filesystem::exists(path)) return 0;
  const auto bytes = read_file(path);
  const char* text = reinterpret_cast<const char*>(bytes.data());
  const auto record = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
  if (!record.is_object() || record.value("batch", std::int64_t{-1}) != batch) return 0;
  return record.value("starts", 0);
}

}  // namespace

void count_start(const std::string& log_folder, const Progress& now) {
  const std::string path = log_folder + "/starts.json";
  const int starts = earlier_starts(path, now.batch) + 1;
  if (starts > kMostStarts)
    throw Error(str(log_folder, ": start number ", starts, " after batch ", now.batch,
                    ", and none of the earlier ones trained a step: see what the log says of them, and remove ", path,
                    " to try again"));
  std::filesystem::create_directories(log_folder);
  write_file_atomically(path, nlohmann::json{{"batch", now.batch}, {"starts", starts}}.dump() + "\n");
}

}  // namespace mosaic
