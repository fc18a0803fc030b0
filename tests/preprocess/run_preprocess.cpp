#include "preprocess/run_preprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "catch.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

extern char** environ;

namespace mosaic::test {
namespace {

pid_t start(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  std::vector<std::string> words = {build_folder() + "/preprocess"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0600);
  pid_t process = 0;
  const int failure = ::posix_spawn(&process, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  INFO(words[0] << " must have been built");
  REQUIRE(failure == 0);
  return process;
}

}  // namespace

int wait_for(pid_t process) {
  int status = 0;
  REQUIRE(::waitpid(process, &status, 0) == process);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Outcome run_preprocess(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const int exit_code = wait_for(start(arguments, folder / "out", folder / "err"));
  return {exit_code, read_text(folder / "out"), read_text(folder / "err")};
}

pid_t start_preprocess(const std::vector<std::string>& arguments) { return start(arguments, "/dev/null", "/dev/null"); }

std::string run_preprocess_on_terminal(const std::vector<std::string>& arguments) {
  const FileDescriptor terminal(::posix_openpt(O_RDWR | O_NOCTTY));
  REQUIRE(terminal.get() >= 0);
  REQUIRE(::grantpt(terminal.get()) == 0);
  REQUIRE(::unlockpt(terminal.get()) == 0);
  const FileDescriptor other_end(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY));  // keeps the text readable
  REQUIRE(wait_for(start(arguments, "/dev/null", ::ptsname(terminal.get()))) == 0);
  std::string text(1 << 16, '\0');
  REQUIRE(::fcntl(terminal.get(), F_SETFL, O_NONBLOCK) == 0);
  const ssize_t got = ::read(terminal.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::vector<std::string> shard_digests(const std::string& folder) {
  std::vector<std::string> all;
  for (const auto& split : splits_in(folder))
    for (const int shard : shard_numbers(folder, split))
      all.push_back(sha256_of_file(folder + "/" + shard_file_name(split, shard)));
  return all;
}

}  // namespace mosaic::test
