#include "remote/http_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "catch.h"
#include "support.h"

namespace mosaic::test {

HttpServer::HttpServer(const std::string& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {MOSAIC_PYTHON, "-I", "-S", source_folder() + "/tests/remote/http_server.py", folder});
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  int input[2], output[2];
  REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
  process_ = ::fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    ::dup2(input[0], STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  input_ = input[1];
  std::string port;
  for (char c = 0; ::read(output[0], &c, 1) == 1 && c != '\n';) port += c;
  ::close(output[0]);
  port_ = std::atoi(port.c_str());
  REQUIRE(port_ > 0);
}

HttpServer::~HttpServer() { stop(); }

std::string HttpServer::url(const std::string& path) const { return str("http://127.0.0.1:", port_, "/", path); }

void HttpServer::stop() {
  if (process_ < 0) return;
  ::close(input_);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

}  // namespace mosaic::test
