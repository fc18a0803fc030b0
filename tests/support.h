#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "weights/safetensors.h"

namespace mosaic::test {

/// A file of golden vectors: in $MOSAIC_GOLDEN, else in tests/golden. One that $MOSAIC_GOLDEN lacks is said to be skipped
/// and is nullopt; one that tests/golden lacks fails the test, unless `optional`.
std::optional<std::string> golden_path(const std::string& name, bool optional = false);
std::optional<nlohmann::json> golden_json(const std::string& name);
/// The golden folder in use.
std::string golden_folder();

/// A path below the folder of real images and measured designs that is not part of the repository ($MOSAIC_SHARED, else
/// ../shared), or nullopt after saying that the test is skipped.
std::optional<std::string> shared_path(const std::string& name);

/// "skipped: REASON" on standard output.
void say_skipped(const std::string& reason);

std::string source_folder();  // of the repository
std::string build_folder();   // where the binaries are

/// An empty folder that is removed at the end of its life.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_text(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);

/// The message of the exception that `call` throws; "" if it throws none.
std::string message_of(const std::function<void()>& call);

}  // namespace mosaic::test
