#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "remote/http_get.h"

namespace mosaic {

/// What is left to read of an object. Moves on as bytes come.
struct Wanted {
  std::uint64_t next = 0, end = 0;  // bytes of the object
  const ObjectVersion* expected = nullptr;
  const HttpGet::Sink* sink = nullptr;
};

/// The answer to one request, as it comes in: its headers line by line, then its body piece by piece, of which the wanted bytes go to the
/// sink. Knows nothing of the library that receives it.
class HttpAnswer {
 public:
  explicit HttpAnswer(Wanted& wanted) : wanted_(wanted) {}

  void add_header(std::string_view line);
  /// @return false: nothing more is wanted of this answer
  bool add_body(std::span<const std::byte> bytes);

  int status() const { return status_; }
  const ObjectVersion& version() const { return version_; }
  /// The answer is about the object in another state than the expected one; no byte of it was given on.
  bool is_of_another_version() const { return other_version_; }
  /// A whole object where a part was asked for.
  bool ignores_ranges() const { return status_ == 200 && wanted_.next > 0; }
  /// What the sink has thrown.
  std::exception_ptr failure() const { return failure_; }

  /// S3: what it calls the reason of a refusal: "ExpiredToken"; "" if the body is no such answer.
  std::string error_code() const;
  /// What a server says about a request that it refuses: "AccessDenied: Access Denied"; the first words of any other body; "" if it is empty.
  std::string message() const;
  /// S3: the region of the bucket, where another one was asked.
  const std::string& bucket_region() const { return bucket_region_; }

 private:
  bool begin_body();

  Wanted& wanted_;
  int status_ = 0;
  std::optional<std::uint64_t> length_, first_, size_;  // Content-Length; of Content-Range
  std::string etag_, last_modified_, bucket_region_, refusal_;
  ObjectVersion version_;
  bool body_began_ = false, other_version_ = false;
  std::uint64_t position_ = 0;  // in the object, of the next byte to come
  std::exception_ptr failure_;
};

}  // namespace mosaic
