#include "remote/http_get.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "remote/http_server.h"
#include "support.h"

namespace mosaic {
namespace {

constexpr HttpPatience kQuick{.give_up = 3, .first_wait = 0.01, .longest_wait = 0.1, .slow = 1};

std::string some_text(std::size_t size) {
  std::string text;
  for (std::uint32_t x = 17; text.size() < size; x = x * 1664525 + 1013904223) text += static_cast<char>(x >> 24);
  return text;
}

/// A folder with one file, "set/a b.h5", of a million bytes.
struct Folder {
  Folder() : text(some_text(1'000'000)) {
    std::filesystem::create_directory(folder / "set");
    test::write_text(folder / "set/a b.h5", text);
  }
  test::TemporaryFolder folder;
  std::string text;
};

struct Got {
  std::string bytes;
  ObjectVersion version;
};

Got get(const std::string& url, std::uint64_t begin, std::uint64_t end, const ObjectVersion* expected = nullptr,
        const std::string& name = "a b.h5") {
  HttpGet http(parse_location(url), kQuick);
  Got got;
  const std::atomic<bool> stop = false;
  got.version = http.read(
      name, begin, end,
      [&](std::span<const std::byte> piece) {
        got.bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      },
      expected, stop);
  return got;
}

TEST_CASE("a part of an object is its bytes, and comes with the object's size and tag", "[remote]") {
  const Folder data;
  const test::HttpServer server(data.folder.path());
  const Got part = get(server.url("set/"), 1000, 500'000);
  CHECK(part.bytes == data.text.substr(1000, 499'000));
  CHECK(part.version.size == 1'000'000);
  CHECK(!part.version.tag.empty());
  CHECK(get(server.url("set"), 999'990, 2'000'000).bytes == data.text.substr(999'990));  // up to its end
  CHECK(get(server.url("set"), 5, 6, &part.version).bytes == data.text.substr(5, 1));
}

TEST_CASE("whatever may pass is tried again, and each byte comes once", "[remote]") {
  const Folder data;
  const auto faults = GENERATE(std::vector<std::string>{"drop", "500", "503", "429", "fine"},
                               std::vector<std::string>{"short", "short", "short"},
                               std::vector<std::string>{"half", "drop", "half"}, std::vector<std::string>{"stall"},
                               std::vector<std::string>{"whole"}, std::vector<std::string>{"short", "whole"},
                               std::vector<std::string>{"short", "408", "drop", "drop", "short", "half", "502"},
                               std::vector<std::string>{"--share", "0.5"});
  CAPTURE(faults);
  const test::HttpServer server(data.folder.path(), faults);
  const Got got = get(server.url("set"), 10, 900'000);
  CHECK(got.bytes == data.text.substr(10, 899'990));
  CHECK(got.version.size == 1'000'000);
}

TEST_CASE("what will not pass ends at once, with the server's reason and what to do", "[remote]") {
  const Folder data;
  const auto refused = [&](const std::string& fault, const std::string& name = "a b.h5") {
    const test::HttpServer server(data.folder.path(), {fault});
    return test::message_of([&] { get(server.url("set"), 0, 10, nullptr, name); });
  };
  CHECK_THAT(refused("403"), Catch::Contains("/set/a%20b.h5: the server answers 403 (Injected: as it was told): the "));
  CHECK_THAT(refused("fine", "none.h5"), Catch::Contains("404 (NoSuchKey: as it was told): expected the folder that"));
  CHECK_THAT(refused("moved"), Catch::Contains("301"));
  const test::HttpServer server(data.folder.path());
  CHECK_THAT(test::message_of([&] { get(server.url("set"), 1'000'000, 1'000'001); }), Catch::Contains("416"));
}

TEST_CASE("credentials that are refused, or whose session is over, are told from other refusals", "[remote]") {
  const Folder data;
  for (const char* fault : {"401", "403", "expired"}) {
    CAPTURE(fault);
    const test::HttpServer server(data.folder.path(), {fault});
    CHECK_THROWS_AS(get(server.url("set"), 0, 10), AccessRefused);
  }
  const test::HttpServer server(data.folder.path(), {"400", "expired"});
  try {
    get(server.url("set"), 0, 10);
    FAIL("a request that was refused has got bytes");
  } catch (const AccessRefused& e) {
    FAIL("a request that is wrong counts as one without the right to read: " << e.what());
  } catch (const Error&) {
  }
  CHECK_THAT(test::message_of([&] { get(server.url("set"), 0, 10); }),
             Catch::Contains("400 (ExpiredToken: as it was told): renew the temporary credentials: AWS_SESSION_TOKEN"));
}

TEST_CASE("a server that stays away is given up, with the reason of the last try", "[remote]") {
  const Folder data;
  test::HttpServer server(data.folder.path());
  server.stop();
  try {
    get(server.url("set"), 0, 10);
    FAIL("a server that is not there has answered");
  } catch (const Error& e) {
    CHECK_THAT(e.what(), Catch::Contains("Failed to connect") || Catch::Contains("Connection refused"));
    CHECK(e.exit_code() == kExitCrash);  // starting again may help
  }
}

TEST_CASE("an object that changes on the server is an error, not a mixture", "[remote]") {
  const Folder data;
  const test::HttpServer server(data.folder.path(), {"fine", "fine", "short", "changed", "vague"});
  const ObjectVersion before = get(server.url("set"), 0, 10).version;
  CHECK(get(server.url("set"), 0, 10, &before).version == before);
  CHECK_THAT(test::message_of([&] { get(server.url("set"), 0, 1000, &before); }), Catch::Contains("was changed"));
  CHECK_THAT(test::message_of([&] { get(server.url("set"), 0, 1000, &before); }), Catch::Contains("was changed"));
}

TEST_CASE("a read ends soon after it is asked to", "[remote]") {
  const Folder data;
  const test::HttpServer server(data.folder.path(), {"stall", "stall", "stall", "stall"});
  HttpGet http(parse_location(server.url("set")), {});
  std::atomic<bool> stop = false;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop = true;
  });
  CHECK_THROWS_AS(http.read(
                      "a b.h5", 0, 1000, [](auto) {}, nullptr, stop),
                  HttpStopped);
  stopper.join();
}

TEST_CASE("what takes the bytes may refuse them", "[remote]") {
  const Folder data;
  const test::HttpServer server(data.folder.path());
  HttpGet http(parse_location(server.url("set")), kQuick);
  const std::atomic<bool> stop = false;
  const auto read = [&] {
    http.read(
        "a b.h5", 0, 1000, [](auto) { throw Error("no room"); }, nullptr, stop);
  };
  CHECK_THAT(test::message_of(read), Catch::EndsWith("/set/a%20b.h5: no room"));
}

}  // namespace
}  // namespace mosaic
