#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace mosaic::test {

/// http_server.py, beside this file, as long as this lives.
class HttpServer {
 public:
  /// @param arguments  behind the folder: faults, --share P, --log FILE
  HttpServer(const std::string& folder, std::vector<std::string> arguments = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:PORT/" and `path`
  std::string url(const std::string& path = "") const;
  /// Ends before its time.
  void stop();

 private:
  pid_t process_ = -1;
  int input_ = -1;  // it ends when this is closed
  int port_ = 0;
};

}  // namespace mosaic::test
