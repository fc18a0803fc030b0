#include "preprocess/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace mosaic {

ProgressLine::ProgressLine(std::string what, std::int64_t total, std::int64_t done)
    : what_(std::move(what)),
      total_(total),
      done_at_start_(done),
      terminal_(::isatty(STDERR_FILENO) == 1),
      tenth_(total > 0 ? 10 * done / total : 0) {
  if (terminal_) set_before_log([] { std::fputs("\r\x1b[K", stderr); });
}

ProgressLine::~ProgressLine() {
  if (!terminal_) return;
  std::fputs("\r\x1b[K", stderr);
  set_before_log({});
}

void ProgressLine::update(std::int64_t done, const std::string& note) {
  const auto now = Clock::now();
  const std::int64_t tenth = total_ > 0 ? 10 * done / total_ : 10;
  const auto quiet = now - drawn_;  // a run of a few seconds needs no ten lines
  if (terminal_ ? drawn_once_ && quiet < std::chrono::milliseconds(100)
                : tenth == tenth_ || quiet < std::chrono::seconds(1))
    return;
  drawn_ = now;
  drawn_once_ = true;
  tenth_ = tenth;

  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done - done_at_start_) / std::max(seconds, 1e-3);
  const std::string left = rate > 0 ? seconds_text(static_cast<double>(total_ - done) / rate) : "?";
  const std::string line =
      str(with_separators(done), " of ", with_separators(total_), ", ", with_separators(std::llround(rate)),
          " images/s, ", left, " left", note.empty() ? "" : ", ", note);
  if (!terminal_) return log_info(str(what_, ": ", line));

  constexpr std::int64_t kBar = 24;
  const auto filled = static_cast<std::size_t>(total_ > 0 ? kBar * done / total_ : kBar);
  std::fprintf(stderr, "\r%s [%s%s] %s\x1b[K", what_.c_str(), std::string(filled, '#').c_str(),
               std::string(kBar - filled, '.').c_str(), line.c_str());
  std::fflush(stderr);
}

}  // namespace mosaic
