#include "train/checkpoint_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;
constexpr char kManifest[] = "MANIFEST.json";

std::string hexadecimal(std::uint32_t crc) {
  std::ostringstream out;
  out << std::hex << std::setw(8) << std::setfill('0') << crc;
  return out.str();
}

std::vector<std::byte> read_from_disk(const std::string& path) {
  {
    const FileDescriptor file = open_to_read(path);
    ::posix_fadvise(file.get(), 0, 0,
                    POSIX_FADV_DONTNEED);  // a hint: what is still in memory says little about the disk
  }
  return read_file(path);
}

struct Place {
  std::int64_t batch = 0, epoch = 0;  // in the order in which they are compared
  auto operator<=>(const Place&) const = default;
};

/// The place in a run that a folder's name tells; none for another name.
std::optional<Place> place_of(const std::string& name) {
  static const std::regex kName("ep([0-9]{1,15})-ba([0-9]{1,15})");
  std::smatch number;
  if (!std::regex_match(name, number, kName)) return std::nullopt;
  return Place{.batch = std::stoll(number[2]), .epoch = std::stoll(number[1])};
}

std::string check_against_manifest(const std::string& folder) {
  const auto text = read_file(folder + "/" + kManifest);
  const auto* begin = reinterpret_cast<const char*>(text.data());
  const auto manifest = nlohmann::json::parse(begin, begin + text.size());
  if (const int version = manifest.at("format_version"); version != kFormatVersion)
    return str(kManifest, ": format_version: got ", version, ", expected ", kFormatVersion);
  const auto& files = manifest.at("files");
  if (!files.contains("weights.safetensors") || !files.contains("state.json"))
    return str(kManifest, ": expected it to list weights.safetensors and state.json");
  for (const auto& [name, entry] : files.items()) {
    if (name.find('/') != std::string::npos) return str(kManifest, ": got the file name ", name);
    const auto bytes = read_from_disk(folder + "/" + name);
    if (const std::uint64_t size = entry.at("size"); bytes.size() != size)
      return str(name, ": got ", bytes.size(), " bytes, expected ", size);
    const std::string crc = hexadecimal(crc32c(bytes)), expected = entry.at("crc32c");
    if (crc != expected) return str(name, ": CRC-32C: got ", crc, ", expected ", expected);
  }
  return "";
}

/// `path` becomes a link to `target`, at once.
void move_link(const std::string& path, const std::string& target) {
  const std::string temporary = path + ".partial";
  fs::remove(temporary);
  fs::create_symlink(target, temporary);
  fs::rename(temporary, path);
}

/// Both names change places at once. @return false where the file system cannot do that
bool swap_folders(const std::string& a, const std::string& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

std::string checkpoint_name(const Progress& now) { return str("ep", now.epoch, "-ba", now.batch); }

void write_manifest(const std::string& folder, const WrittenFiles& files) {
  nlohmann::ordered_json list;
  for (const auto& [name, crc] : files)
    list[name] = {{"size", fs::file_size(folder + "/" + name)}, {"crc32c", hexadecimal(crc)}};
  write_file_atomically(folder + "/" + kManifest,
                        nlohmann::ordered_json{{"format_version", kFormatVersion}, {"files", list}}.dump(2) + "\n");
}

std::string fault_of_checkpoint(const std::string& folder) {
  try {
    return check_against_manifest(folder);
  } catch (const nlohmann::json::exception& e) {  // what is damaged here is a result
    return str(kManifest, ": damaged: ", e.what());
  } catch (const Error& e) {
    const std::string what = e.what();
    return what.starts_with(folder + "/") ? what.substr(folder.size() + 1) : what;
  }
}

void publish_checkpoint(const std::string& temporary, const std::string& path) {
  const fs::path parent = fs::path(path).parent_path(), name = fs::path(path).filename();
  sync_folder(temporary);
  if (!fs::exists(path)) {
    fs::rename(temporary, path);
  } else if (!swap_folders(temporary,
                           path)) {  // then not at once, but nothing is removed before the new one is in place
    const fs::path old = parent / ("." + name.string() + ".old");
    fs::remove_all(old);
    fs::rename(path, old);
    fs::rename(temporary, path);
    sync_folder(parent.string());
    fs::remove_all(old);
  }
  sync_folder(parent.string());
  move_link((parent / "latest").string(), name.string());
  sync_folder(parent.string());
  fs::remove_all(temporary);  // what had that name before
}

std::vector<std::string> checkpoints_in(const std::string& folder) {
  std::error_code ignored;  // what cannot be looked at is not there
  std::vector<std::pair<Place, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (const auto place = place_of(name); place && !entry.is_symlink(ignored)) found.emplace_back(*place, name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (const auto& [place, name] : found) paths.push_back(folder + "/" + name);
  return paths;
}

bool holds_checkpoints(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path + "/" + kManifest, ignored) || !checkpoints_in(path).empty();
}

FoundCheckpoint find_checkpoint(const std::string& path) {
  FoundCheckpoint found;
  std::error_code ignored;  // what cannot be looked at is not there
  const auto is_whole = [&](const std::string& folder) {
    const std::string fault = fault_of_checkpoint(folder);
    if (!fault.empty()) found.refused.push_back(str(folder, ": ", fault));
    return fault.empty();
  };
  if (!fs::is_directory(path, ignored)) return found;
  const fs::path name = fs::path(path).filename();
  if (name == "latest" || place_of(name.string()) || fs::exists(path + "/" + kManifest, ignored)) {
    const std::string folder =
        fs::is_symlink(path, ignored) ? (fs::path(path).parent_path() / fs::read_symlink(path)).string() : path;
    if (is_whole(folder)) found.path = folder;
    return found;
  }
  std::vector<std::string> candidates = checkpoints_in(path);
  while (!candidates.empty() && !is_whole(candidates.back())) candidates.pop_back();
  if (!candidates.empty()) found.path = candidates.back();
  return found;
}

void remove_leftovers(const std::string& folder) {
  static const std::regex kLeftover("\\.ep[0-9]+-ba[0-9]+\\.(partial|old)");
  std::error_code ignored;  // somebody else may have removed it
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (std::regex_match(entry.path().filename().string(), kLeftover)) fs::remove_all(entry.path(), ignored);
}

void refuse_to_overwrite(const std::string& folder, const Progress& now) {
  if (!fs::is_directory(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto place = place_of(name);
    if (place && (place->epoch > now.epoch || place->batch > now.batch))
      throw Error(str("save_folder: ", folder, " holds ", name, ", which is ahead of this run's epoch ", now.epoch,
                      ", batch ", now.batch, ": continue it with load_path=", folder,
                      ", take another run_name, or set save_overwrite=true"));
  }
}

}  // namespace mosaic
