#include "report/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"

namespace mosaic {
namespace {

constexpr int kBarWidth = 25;
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr char kClearLine[] = "\r\x1b[K";

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

template <class... Args>
std::string print(const char* format, Args... args) {
  char text[64];
  std::snprintf(text, sizeof text, format, args...);
  return text;
}

}  // namespace

std::string clock_time(double seconds) {
  const long s = std::max(0L, static_cast<long>(seconds + 0.5));
  return s >= 3600 ? print("%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60) : print("%02ld:%02ld", s / 60, s % 60);
}

ProgressBar::ProgressBar(std::string label, std::int64_t total, std::int64_t done, bool enabled)
    : label_(std::move(label)),
      total_(std::max<std::int64_t>(total, 1)),
      first_(done),
      enabled_(enabled),
      terminal_(::isatty(STDERR_FILENO) != 0),
      decile_(static_cast<int>(10 * done / std::max<std::int64_t>(total, 1))),
      start_(std::chrono::steady_clock::now()) {
  if (enabled_ && terminal_) set_before_log([] { std::fputs(kClearLine, stderr); });
}

ProgressBar::~ProgressBar() {
  if (!enabled_ || !terminal_) return;
  set_before_log({});
  std::fputc('\n', stderr);
}

std::string ProgressBar::line(const std::string& label, std::int64_t done, std::int64_t total, std::int64_t first,
                              double elapsed, const std::string& note) {
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const int filled = static_cast<int>(share * kBarWidth);
  const double rate = elapsed > 0 ? static_cast<double>(done - first) / elapsed : 0;
  const std::string left = rate > 0 ? clock_time(static_cast<double>(total - done) / rate) : "?";
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? '#' : '.';
  return label + print(" %3.0f%% ", 100 * share) + "[" + bar + "] " + std::to_string(done) + "/" +
         std::to_string(total) + " " + clock_time(elapsed) + "<" + left + print(" %.2f ba/s", rate) +
         (note.empty() ? "" : "  " + note);
}

void ProgressBar::update(std::int64_t done, const std::function<std::string()>& note) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (terminal_) {
    if (done < total_ && now - last_draw_ < kRedrawEvery) return;
    last_draw_ = now;
    const std::string text = line(label_, done, total_, first_, elapsed, note()).substr(0, terminal_width() - 1);
    std::fprintf(stderr, "%s%s", kClearLine, text.c_str());
    std::fflush(stderr);
  } else if (const int decile = static_cast<int>(10 * done / total_); decile > decile_ || done == total_) {
    decile_ = decile;
    log_info(line(label_, done, total_, first_, elapsed, note()));
  }
}

}  // namespace mosaic
