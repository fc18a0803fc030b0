#include "report/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostPending = 64 << 20;  // bytes; a day of training has fewer

}  // namespace

GrowingFile::GrowingFile(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.get() < 0) throw_system_error(path_, "open for writing");
}

GrowingFile::~GrowingFile() {
  if (!pending_.empty()) log_warning(str(path_, ": the last ", pending_.size(), " bytes could not be written"));
}

void GrowingFile::add(const std::string& piece) {
  pending_ += piece;
  while (!pending_.empty()) {
    const ssize_t written = ::write(file_.get(), pending_.data(), pending_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return keep_for_later();
    pending_.erase(0, static_cast<std::size_t>(written));
  }
  if (failing_) log_info(path_ + ": written again, nothing is missing");
  failing_ = false;
}

void GrowingFile::keep_for_later() {
  if (!failing_)
    log_warning(str(path_, ": cannot write: ", std::strerror(errno),
                    "; training goes on, and what is missing is written as soon as that is possible"));
  failing_ = true;
  if (pending_.size() <= kMostPending) return;
  log_warning(str(path_, ": ", pending_.size(), " bytes that could not be written are given up"));
  pending_.clear();
}

}  // namespace mosaic
