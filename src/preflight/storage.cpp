#include "preflight/storage.h"

#include <sys/statvfs.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "plan/prediction.h"
#include "plan/run_shape.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

/// A file in a folder that is made if it is not there; both are gone at the end of its life.
class ProbeFile {
 public:
  explicit ProbeFile(const std::string& folder) : path_(folder + "/.mosaic-check") {
    for (fs::path missing = fs::absolute(folder); !fs::exists(missing); missing = missing.parent_path())
      made_.push_back(missing);
    std::error_code error;
    if (!made_.empty() && !fs::create_directories(fs::absolute(folder), error) && error)
      throw Error(str(folder, ": cannot make this folder: ", error.message()));
  }
  ~ProbeFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    for (const auto& folder : made_) fs::remove(folder, ignored);  // the innermost first
  }
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;

  const std::string& path() const { return path_; }

  /// @return seconds
  double write(std::uint64_t bytes) const {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::byte> block(std::size_t{1} << 20);
    for (std::size_t i = 0; i < block.size(); ++i)
      block[i] = static_cast<std::byte>(i * 2654435761U >> 13);  // not compressible to nothing
    const FileDescriptor file = open_to_write(path_);
    for (std::uint64_t done = 0; done < bytes; done += block.size())
      write_all(file, std::span(block).first(std::min<std::uint64_t>(block.size(), bytes - done)), path_);
    sync(file, path_);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  std::string path_;
  std::vector<fs::path> made_;
};

/// A network file system may take a moment to show a new file to another node.
bool appears(const std::string& path) {
  for (int i = 0; i < 50; ++i) {
    std::error_code error;
    if (fs::exists(path, error)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

/// Free bytes, for this user, of the file system that `path` is on.
double free_bytes(const std::string& path) {
  struct statvfs about = {};
  if (::statvfs(path.c_str(), &about) != 0) throw_system_error(path, "ask for the free space");
  return static_cast<double>(about.f_bavail) * static_cast<double>(about.f_frsize);
}

}  // namespace

double parameter_bytes(const Run& run) {
  std::int64_t numbers = 0;
  for (const auto& p : run.net.parameters()) numbers += p.tensor.numel();
  return static_cast<double>(numbers * static_cast<std::int64_t>(run.buffers.element_size()));
}

double statistics_bytes(const Run& run) { return static_cast<double>(run.buffers.nbytes()); }

double check_folders(const MpiSession& mpi, const Run& run, Table& table) {
  const std::string& folder = run.config.save_folder;
  const auto bytes = static_cast<std::uint64_t>(
      checkpoint_bytes(run.config, parameter_bytes(run), statistics_bytes(run), run.ranks.size()));
  const std::int64_t kept = checkpoints_kept(run.config, run.batches_per_epoch, run.total_batches);
  const double needed = static_cast<double>(kept) * static_cast<double>(bytes);
  std::optional<ProbeFile> probe;
  double free = 0, seconds = 0;
  const auto write_checkpoint = [&] {
    if (mpi.rank() != 0) return;
    probe.emplace(folder);
    free = free_bytes(folder);
    seconds = probe->write(bytes);
  };
  const auto see_it = [&] {
    if (!appears(folder + "/.mosaic-check"))
      throw Error(str(folder, ": rank ", mpi.rank(), " on ", mpi.host(),
                      " does not see what rank 0 has written there: take a save_folder that all nodes share"));
  };
  if (table.passes("save_folder", write_checkpoint) && table.passes("save_folder", see_it)) {
    Row row{.name = "save_folder",
            .found = str(folder, ": a checkpoint of ", bytes_text(bytes), " written in ", decimals(seconds, 1), " s, ",
                         bytes_text(static_cast<std::uint64_t>(free)), " free")};
    if (gather_texts(free < needed ? "full" : "")[0] == "full") {
      row.verdict = Verdict::kBad;
      row.expected = str("at least ", bytes_text(static_cast<std::uint64_t>(needed)), " free, for ", kept,
                         kept == 1 ? " checkpoint" : " checkpoints");
    }
    table.add(row);
  }
  probe.reset();
  const auto write_log = [&] {
    if (mpi.rank() == 0) ProbeFile(run.config.log_folder).write(4096);
  };
  if (table.passes("log_folder", write_log))
    table.add({.name = "log_folder", .found = run.config.log_folder + ": writable"});
  return seconds;
}

}  // namespace mosaic
