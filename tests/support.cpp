#include "support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/file.h"

namespace mosaic::test {

namespace fs = std::filesystem;

std::string golden_folder() {
  const char* folder = std::getenv("MOSAIC_GOLDEN");
  return folder ? folder : MOSAIC_TESTS_DIR "/golden";
}

std::optional<std::string> golden_path(const std::string& name, bool optional) {
  std::string path = golden_folder() + "/" + name;
  if (fs::exists(path)) return path;
  if (!std::getenv("MOSAIC_GOLDEN") && !optional) throw Error(str(path, ": this golden file is missing"));
  say_skipped(str(path, " is not there"));
  return std::nullopt;
}

std::optional<nlohmann::json> golden_json(const std::string& name) {
  const auto path = golden_path(name);
  if (!path) return std::nullopt;
  return nlohmann::json::parse(read_text(*path));
}

std::optional<std::string> shared_path(const std::string& name) {
  const char* folder = std::getenv("MOSAIC_SHARED");
  std::string path = (folder ? std::string(folder) : MOSAIC_SOURCE_DIR "/../shared") + "/" + name;
  if (fs::exists(path)) return path;
  say_skipped(str(path, " is not there"));
  return std::nullopt;
}

void say_skipped(const std::string& reason) { std::cout << "skipped: " << reason << std::endl; }

std::string source_folder() { return MOSAIC_SOURCE_DIR; }
std::string build_folder() { return MOSAIC_BINARY_DIR; }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "mosaic-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw_system_error(pattern, "create");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write_text(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string read_text(const std::string& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

}  // namespace mosaic::test
