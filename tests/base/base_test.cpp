#include <set>

#include "base/base64.h"
#include "base/cpu.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST_CASE("CRC-32C has the published check value", "[base]") {
  CHECK(crc32c(bytes_of("123456789")) == 0xE3069283);
  CHECK(crc32c(bytes_of("")) == 0);
}

TEST_CASE("the CRC instruction and the table agree at every length and alignment", "[base]") {
  KeyedRandom random{7};
  std::string text(300, '\0');
  for (char& c : text) c = static_cast<char>(random());
  for (std::size_t begin = 0; begin < 16; ++begin)
    for (std::size_t size = 0; size < 100; ++size)
      CHECK(crc32c(bytes_of(text).subspan(begin, size)) == crc32c_portable(bytes_of(text).subspan(begin, size)));
  CHECK(crc32c(bytes_of("6789"), crc32c(bytes_of("12345"))) == crc32c(bytes_of("123456789")));
}

TEST_CASE("SHA-256 has the published value of 'abc', in one piece or two", "[base]") {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Sha256 one, two;
  one.add("abc");
  two.add("a"), two.add("bc");
  CHECK(one.hex() == expected);
  CHECK(two.hex() == expected);
}

TEST_CASE("the same key gives the same numbers, another key others", "[base]") {
  KeyedRandom a{1, 2, 3}, b{1, 2, 3};
  std::set<std::uint64_t> firsts;
  for (int i = 0; i < 100; ++i) CHECK(a() == b());
  for (std::uint64_t i = 0; i < 100; ++i) {
    firsts.insert(KeyedRandom{i, 2, 3}());
    firsts.insert(KeyedRandom{1, i + 1000, 3}());
    firsts.insert(KeyedRandom{2, 1, i + 5000}());
  }
  CHECK(firsts.size() == 300);
  CHECK(KeyedRandom{1, 2}() != KeyedRandom{2, 1}());
}

TEST_CASE("uniform draws stay in their range and have its mean", "[base]") {
  KeyedRandom random{11};
  double sum = 0, sum_squares = 0;
  std::int64_t sum_int = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.uniform_float();
    REQUIRE((0 <= x && x < 1));
    sum += x, sum_squares += x * x;
    const std::int64_t n = random.uniform_int(10);
    REQUIRE((0 <= n && n < 10));
    sum_int += n;
  }
  CHECK(sum / kDraws == Approx(0.5).margin(0.005));
  CHECK(sum_squares / kDraws == Approx(1.0 / 3).margin(0.005));
  CHECK(static_cast<double>(sum_int) / kDraws == Approx(4.5).margin(0.05));
}

TEST_CASE("a file is replaced whole or not at all", "[base]") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "a.json", "one");
  write_file_atomically(folder / "a.json", "two");
  CHECK(test::read_text(folder / "a.json") == "two");
  CHECK(test::message_of([&] { write_file_atomically(folder / "none/a.json", "x"); }) ==
        folder / "none/a.json.partial: cannot create: No such file or directory");
  CHECK(test::message_of([&] { read_file(folder.path()); }) == folder.path() + ": cannot read: it is a folder");
  CHECK(test::message_of([&] { read_file(folder / "b"); }) == folder / "b: cannot open: No such file or directory");
}

TEST_CASE("what may pass by itself is tried four times, with growing pauses, all else once", "[base]") {
  const auto tries = [](int code, int failures) {
    int calls = 0;
    test::message_of([&] {
      with_retries("testing", "it", [&] {
        if (++calls <= failures) throw SystemError("it failed", code);
      });
    });
    return calls;
  };
  CHECK(tries(EIO, 0) == 1);
  CHECK(tries(EIO, 1) == 2);
  CHECK(tries(ESTALE, 100) == 4);
  CHECK(tries(ENOSPC, 100) == 1);
  CHECK(tries(ENOENT, 100) == 1);
}

TEST_CASE("what is not there says so with the number of its error", "[base]") {
  try {
    open_to_read("/nowhere/x");
    FAIL("it was there");
  } catch (const SystemError& e) {
    CHECK(e.code() == ENOENT);
    CHECK(std::string(e.what()) == "/nowhere/x: cannot open: No such file or directory");
  }
}

TEST_CASE("a rank has at least one core, and ranks that are bound to nothing share", "[base]") {
  CHECK(usable_cores() >= 1);
  CHECK(cores_of_rank(1) == usable_cores());
  CHECK(cores_of_rank(100000) >= 1);
}

TEST_CASE("base64 is that of RFC 4648, at any length", "[base]") {
  const auto of = [](std::string_view text) { return base64(std::as_bytes(std::span(text))); };
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};  // section 10
  for (const auto& [text, expected] : vectors) CHECK(of(text) == expected);
  const std::string long_one(std::size_t{3} * (1 << 20) + 1, '\0');  // more than is given to OpenSSL at once
  CHECK(of(long_one) == std::string(std::size_t{4} * (1 << 20) + 1, 'A') + "A==");
}

}  // namespace
}  // namespace mosaic
