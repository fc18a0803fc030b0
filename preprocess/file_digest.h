#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace mosaic {

/// A hash of bytes given piece by piece, by the names that MosaicML Streaming has for them, which are those of Python's hashlib and xxhash:
/// md5, sha1, sha256, sha3_256, blake2b, xxh32, xxh64, xxh128, xxh3_64 and others.
class FileDigest {
 public:
  /// @param name  one that is_known_digest
  explicit FileDigest(const std::string& name);
  ~FileDigest();
  void add(std::span<const std::byte> bytes);
  /// In hexadecimal digits, lower case. Call once, last.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

bool is_known_digest(const std::string& name);

/// What a digest was when the file was made: "sha1:2fd4e1c6...".
/// @param path  of the file with these bytes, for the message
/// @throws Error if it is another now
void check_digest(const std::string& expected, std::span<const std::byte> bytes, const std::string& path);
/// The same of a whole file, which is read in pieces.
void check_file_digest(const std::string& expected, const std::string& path);

}  // namespace mosaic
