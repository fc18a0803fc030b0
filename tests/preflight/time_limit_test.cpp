#include "preflight/time_limit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "catch.h"
#include "support.h"

using namespace mosaic;

TEST_CASE("a check that takes too long ends its process with a sentence; one that does not, does not") {
  test::TemporaryFolder folder;
  const auto run = [&](unsigned seconds) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open((folder / "said").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
      {
        const TimeLimit limit(1, "rank 0 of 2: all-reduce");
        ::usleep(1000 * 1000 * seconds / 10);
      }
      ::usleep(1500 * 1000);  // the limit is over with the check
      ::_exit(42);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(run(100) == kExitCrash);
  CHECK(test::read_text(folder / "said") == "rank 0 of 2: all-reduce: not done after 1 s\n");
  CHECK(run(1) == 42);
  CHECK(test::read_text(folder / "said").empty());
}
