#include "preprocess/file_digest.h"

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "catch.h"
#include "support.h"

namespace mosaic::test {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST_CASE("digests have the names and the values that Python's hashlib and xxhash give them", "[preprocess]") {
  const std::vector<std::pair<std::string, std::string>> of_abc = {
      {"md5", "900150983cd24fb0d6963f7d28e17f72"},
      {"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"sha512_256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
      {"sha3_256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
      {"blake2s", "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"},
      {"blake2b",
       "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925"
       "ab923"
       "86edd4009923"},
      {"xxh32", "32d153ff"},
      {"xxh64", "44bc2cf5ad770999"},
      {"xxh3_64", "78af5f94892f3950"},
      {"xxh128", "06b05ab6733a618578af5f94892f3950"},
      {"xxh3_128", "06b05ab6733a618578af5f94892f3950"}};
  for (const auto& [name, expected] : of_abc) {
    CAPTURE(name);
    REQUIRE(is_known_digest(name));
    FileDigest digest(name);
    digest.add(bytes_of("a"));
    digest.add(bytes_of("bc"));
    CHECK(digest.hex() == expected);
  }
  // OpenSSL 3 knows the first two, and computes them only if told to.
  for (const char* name : {"md4", "whirlpool", "sha1"}) {
    CAPTURE(name);
    if (is_known_digest(name))
      CHECK_NOTHROW(FileDigest(name));
    else
      CHECK_THROWS_WITH(FileDigest(name), str("cannot start the digest ", name));
  }
  for (const char* name : {"", "crc", "shake_128", "sha1:"}) CHECK_FALSE(is_known_digest(name));
}

TEST_CASE("a file of several pieces is compared with its digest, and refused by name", "[preprocess]") {
  const TemporaryFolder root;
  std::string text(2'500'000, 'x');
  const std::string path = root / "file";
  write_text(path, text);
  FileDigest whole("xxh64");
  whole.add(bytes_of(text));
  const std::string hex = whole.hex(), expected = "xxh64:" + hex;
  check_file_digest(expected, path);
  check_digest(expected, bytes_of(text), path);

  text[2'400'000] = 'y';
  write_text(path, text);
  FileDigest other("xxh64");
  other.add(bytes_of(text));
  const std::string sentence =
      str(path, ": its xxh64 is ", other.hex(), ", expected ", hex, " as index.json says: copy it again");
  CHECK_THROWS_WITH(check_file_digest(expected, path), sentence);
  CHECK_THROWS_WITH(check_digest(expected, bytes_of(text), path), sentence);
}

}  // namespace
}  // namespace mosaic::test
