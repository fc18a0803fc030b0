#include "preflight/time_limit.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"

namespace mosaic {
namespace {

std::string what_to_say;  // complete before the alarm is set

void end_process(int) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, what_to_say.data(), what_to_say.size());
  ::_exit(kExitCrash);
}

}  // namespace

TimeLimit::TimeLimit(int seconds, const std::string& sentence) {
  what_to_say = str(sentence, ": not done after ", seconds, " s\n");
  struct sigaction action = {};
  action.sa_handler = end_process;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(static_cast<unsigned>(seconds));
}

TimeLimit::~TimeLimit() { ::alarm(0); }

}  // namespace mosaic
