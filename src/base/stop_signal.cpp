#include "base/stop_signal.h"

#include <csignal>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr std::pair<const char*, int> kNames[] = {
    {"TERM", SIGTERM}, {"INT", SIGINT}, {"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};

volatile std::sig_atomic_t first_signal = 0;

void remember(int signal) {
  if (first_signal == 0) first_signal = signal;
}

}  // namespace

void catch_stop_signals(std::span<const int> signals) {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;  // a read that a signal meets goes on
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

int stop_signal() { return first_signal; }

int signal_number(const std::string& name) {
  for (const auto& [text, number] : kNames)
    if (name == text) return number;
  return 0;
}

std::string signal_name(int number) {
  for (const auto& [text, value] : kNames)
    if (number == value) return str("SIG", text);
  return str("signal ", number);
}

}  // namespace mosaic
