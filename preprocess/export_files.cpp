#include "preprocess/export_files.h"

#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/decode.h"
#include "packed/decode_record.h"
#include "packed/stored_decoder.h"
#include "preprocess/info.h"
#include "preprocess/ppm.h"
#include "preprocess/progress_line.h"
#include "shards/shard_set.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

void create_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) throw Error(str(path, ": cannot create the folder: ", failure.message()));
}

/// The file that a sample goes to, below the split's folder. No two get the same: a.png and a.bmp both want a.ppm.
std::string file_name(const ShardSet& shards, std::int64_t sample, std::set<std::string>& used) {
  fs::path path = safe_relative_path(shards.source_name(sample));
  if (shards.kind(sample) == StoredKind::kPixels) path.replace_extension(".ppm");
  if (!used.insert(path.string()).second) {
    path.replace_filename(str(path.stem().string(), "-", sample, path.extension().string()));
    used.insert(path.string());
  }
  return path.string();
}

void write_image(const StoredImage& stored, const std::string& path) {
  switch (stored.kind) {
    case StoredKind::kJpegFile:
      return write_all(open_to_write(path), stored.bytes, path);
    case StoredKind::kPackedJpeg: {
      JpegCoefficients coefficients;
      decode_coefficients(open_packed(stored), coefficients);
      return write_all(open_to_write(path), write_jpeg(coefficients), path);
    }
    case StoredKind::kPixels: {
      Image pixels;
      decode_stored(stored, pixels);
      return write_ppm(path, pixels);
    }
  }
}

void export_split(const std::string& out, const std::string& split, const std::string& folder) {
  const ShardSet shards(out, split);
  create_folder(folder);
  if (!fs::is_empty(folder)) throw Error(str(folder, ": there are files here already: take a new folder"));

  ProgressLine progress(split, shards.size());
  std::set<std::string> used;
  std::vector<std::byte> buffer;
  for (std::int64_t i = 0; i < shards.size(); ++i) {
    const std::string path = folder + "/" + file_name(shards, i, used);
    create_folder(fs::path(path).parent_path().string());
    const StoredImage stored = shards.read(i, buffer);
    write_image(stored, path);
    progress.update(i + 1);
  }
  std::printf("%s: %s files in %s\n", split.c_str(), with_separators(shards.size()).c_str(), folder.c_str());
}

}  // namespace

std::string safe_relative_path(const std::string& name) {
  std::istringstream parts(name);
  std::string part, path;
  while (std::getline(parts, part, '/')) {
    if (part.empty() || part == ".") continue;
    path += (path.empty() ? "" : "/") + (part == ".." ? "_" : part);
  }
  return path.empty() ? "_" : path;
}

int export_files(const ExportOptions& options) {
  for (const auto& split : chosen_splits(options.out, options.split))
    export_split(options.out, split, options.to + "/" + split);
  return kExitDone;
}

}  // namespace mosaic
