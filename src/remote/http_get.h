#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "remote/location.h"

namespace mosaic {

/// What tells one state of an object on a server from another.
struct ObjectVersion {
  std::uint64_t size = 0;  // bytes
  std::string tag;         // its ETag, else its Last-Modified; "" where the server has neither
  bool operator==(const ObjectVersion&) const = default;
};

/// How much a server may fail. Times in seconds.
struct HttpPatience {
  double give_up =
      200;  // without a byte that helps: less than the 300 after which a watchdog ends the run without saying why
  double first_wait = 0.25;  // before trying again; doubled each time, and up to half of it left out at random
  double longest_wait = 20;
  double connect = 20;
  double slow = 30;  // fewer than 1,000 bytes a second for so long count as a break
};

/// The object is no longer the one that was expected.
class ObjectChanged : public Error {
 public:
  using Error::Error;
};
/// The server does not let this process read: another one, with other credentials, it may.
class AccessRefused : public Error {
 public:
  using Error::Error;
};

/// Thrown where the owner of the `stop` flag goes.
struct HttpStopped {};

/// Reads objects below one location. Keeps its connection. One per thread.
class HttpGet {
 public:
  explicit HttpGet(Location location, HttpPatience patience = {});
  ~HttpGet();
  HttpGet(const HttpGet&) = delete;
  HttpGet& operator=(const HttpGet&) = delete;

  using Sink = std::function<void(std::span<const std::byte>)>;

  /// Give the bytes [begin, end) of the object `name` to `sink`, in order, each once; up to its last one where it has fewer.
  /// What may pass is tried again, from the byte reached on: connections that break or stand still, answers 408, 425, 429 and 5xx. Servers
  /// that know no ranges are read from the start. Credentials are looked up for each request, so that renewed ones are taken.
  /// @param expected  if not nullptr, the object must be in that state still
  /// @param stop      once true, HttpStopped is thrown within a second or so
  /// @return the state it is in
  /// @throws Error naming the URL, the status, what the server says, and what to do; with kExitCrash where starting again may help. What
  /// `sink` throws.
  ObjectVersion read(const std::string& name, std::uint64_t begin, std::uint64_t end, const Sink& sink,
                     const ObjectVersion* expected, const std::atomic<bool>& stop);

  const Location& location() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mosaic
