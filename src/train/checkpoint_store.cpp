#include "train/checkpoint_store.h"

#include <sys/statvfs.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "comm/mpi_session.h"
#include "train/checkpoint.h"
#include "train/checkpoint_files.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A folder to be renamed. If that does not come about it is removed: what a full disk cut short must not fill the disk.
struct PartialFolder {
  std::string path;
  ~PartialFolder() {
    std::error_code ignored;  // the failure that has led here is the one to tell of
    fs::remove_all(path, ignored);
  }
};

/// @throws Error if the file system has too little room for `bytes`, or for the names of a checkpoint; one that does not tell is tried
void check_room(const std::string& folder, std::uint64_t bytes) {
  constexpr std::uint64_t kFiles = 16;  // more than a checkpoint has, with its temporary ones
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return;
  const std::uint64_t available = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (available < bytes)
    throw Error(str(folder, ": a checkpoint needs ", bytes, " bytes, and the file system has ", available, " free"));
  if (info.f_files > 0 && info.f_favail < kFiles)  // those that count no files say 0 of 0
    throw Error(str(folder, ": a checkpoint needs ", kFiles, " files, and the file system has room for ", info.f_favail,
                    " more (inodes): remove some"));
}

void write_checkpoint(const CheckpointCopy& copy, const std::string& folder) {
  const std::string temporary = str(folder, "/.", copy.name, ".partial"), path = folder + "/" + copy.name;
  try {
    fs::create_directories(folder);
    fs::remove_all(temporary);
    check_room(folder, copy.bytes());
    const PartialFolder partial{temporary};
    fs::create_directory(temporary);
    write_manifest(temporary, copy.write(temporary));
    if (const std::string fault = fault_of_checkpoint(temporary); !fault.empty())
      throw Error(str(temporary, ": what was read back is not what was written: ", fault));
    publish_checkpoint(temporary, path);
  } catch (const fs::filesystem_error& e) {
    throw SystemError(str("cannot save the checkpoint ", path, ": ", e.code().message()), e.code().value());
  }
}

}  // namespace

struct CheckpointStore::Writer {
  std::string folder;
  int keep;
  CheckpointCopy copy;  // the thread's while it runs
  std::thread thread;
  std::string failure;             // of the last write; "": none. Read after the thread has been joined
  std::vector<std::string> paths;  // likewise

  void start() {
    failure.clear();
    thread = std::thread([this] {
      const Clock::time_point begin = Clock::now();
      const std::string path = folder + "/" + copy.name;
      std::erase(paths, path);
      try {
        with_retries("saving", path, [&] { write_checkpoint(copy, folder); });
      } catch (const std::exception& e) {  // told by the thread that waits for this one
        failure = e.what();
        std::error_code ignored;
        if (fs::exists(path, ignored))
          paths.push_back(path);  // it failed after the rename: `latest` could not be moved
        return;
      }
      paths.push_back(path);
      while (keep >= 0 && paths.size() > static_cast<std::size_t>(keep)) {
        std::error_code ignored;  // someone else may have removed it, and that is what we want
        fs::remove_all(paths.front(), ignored);
        paths.erase(paths.begin());
      }
      log_info(str("saved ", path, " in ", decimals(seconds_since(begin), 2), " s"));
    });
  }

  void join() {
    if (thread.joinable()) thread.join();
  }
};

CheckpointStore::CheckpointStore(const Run& run, std::string folder, int keep, std::string data_fingerprint)
    : folder_(std::move(folder)), data_fingerprint_(std::move(data_fingerprint)) {
  if (run.ranks.rank() != 0) return;
  if (run.config.is_train) remove_leftovers(folder_);  // an evaluation may run while another job saves there
  writer_ = std::make_unique<Writer>();
  writer_->folder = folder_;
  writer_->keep = keep;
  if (run.config.autoresume && run.now.batch > 0) writer_->paths = checkpoints_in(folder_);
}

CheckpointStore::~CheckpointStore() {
  if (writer_) writer_->join();
}

void CheckpointStore::save(Run& run) {
  const Clock::time_point begin = Clock::now();
  if (writer_) {
    writer_->join();
    if (!writer_->failure.empty()) log_warning("the last checkpoint could not be saved: " + writer_->failure);
  }
  copy_for_checkpoint(run, data_fingerprint_, writer_ ? &writer_->copy : nullptr);
  if (writer_) writer_->start();
  stalled_ += seconds_since(begin);
}

std::string CheckpointStore::newest() {
  if (!writer_) return "";
  writer_->join();
  if (!writer_->failure.empty()) log_warning("the last checkpoint could not be saved: " + writer_->failure);
  writer_->failure.clear();
  return writer_->paths.empty() ? "" : writer_->paths.back();
}

void CheckpointStore::wait() {
  if (writer_) writer_->join();
  agree([&] {
    if (writer_ && !writer_->failure.empty()) throw Error(writer_->failure, kExitCrash);
  });
}

const std::vector<std::string>& CheckpointStore::paths() const {
  static const std::vector<std::string> kNone;
  return writer_ ? writer_->paths : kNone;
}

}  // namespace mosaic
