// What tests in Python need of the requests: remote_get LOCATION NAME BEGIN END writes these bytes of the object to standard output.

#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "remote/http_get.h"

int main(int argc, char** argv) {
  using namespace mosaic;
  if (argc != 5) return kExitBadInput;
  try {
    HttpGet http(parse_location(argv[1]), {.give_up = 3});
    const std::atomic<bool> stop = false;
    http.read(
        argv[2], std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10),
        [](std::span<const std::byte> bytes) {
          std::cout.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        },
        nullptr, stop);
    return kExitDone;
  } catch (const Error& e) {
    std::cerr << "remote_get: " << e.what() << std::endl;
    return e.exit_code();
  }
}
